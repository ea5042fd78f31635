import CLamina
import CLinux
import Glibc
import Lamina
import TestSupport
import Testing

/// Questions for names and addresses, and how they end.
@Suite("The name service")
struct NameServiceTests {
    @Test(
        "Waiting and asynchronous questions give addresses with port, canonical name and scope",
        arguments: [true, false]
    )
    func questions(isAsynchronous: Bool) async throws {
        let chain = try BaseProvider.kernel.chain()
        func ask(_ question: NameQuestion) async throws -> NameAnswer {
            isAsynchronous ? try await chain.lookUp(question) : try chain.lookUp(question, deadline: soon())
        }
        let local = try await ask(NameQuestion("localhost", service: "http", family: AF_INET, options: .canonicalName))
        #expect(local.addresses == [Address(host: "127.0.0.1", port: 80)])
        #expect(local.canonicalName == "localhost")
        let scoped = try await ask(NameQuestion("fe80::1%lo", port: 9))
        #expect(scoped.addresses.first?.c.storage.ipv6.sin6_scope_id == if_nametoindex("lo"))
        let numeric = try await ask(NameQuestion("192.0.2.1", port: 3, options: .numeric))
        #expect(numeric.addresses == [Address(host: "192.0.2.1", port: 3)])
        let address = Address(host: "127.0.0.1", port: 80)
        let name = isAsynchronous ? try await chain.name(of: address) : try chain.name(of: address, deadline: soon())
        #expect(name == "localhost")
    }

    @Test("What can't be answered says why, by one errno for each reason", arguments: BaseProvider.allCases)
    func errors(base: BaseProvider) throws {
        let chain = try base.chain()
        func failure(_ body: () throws(LaminaError) -> Void) -> Int32 {
            do throws(LaminaError) {
                try body()
                return 0
            } catch {
                return error.errno
            }
        }
        #expect(failure { () throws(LaminaError) in _ = try chain.resolve("nosuch.invalid", port: 1) } == ENOENT)
        #expect(failure { () throws(LaminaError) in _ = try chain.resolve("", port: 1) } == ENOENT)
        #expect(
            failure { () throws(LaminaError) in _ = try chain.lookUp(NameQuestion("localhost", service: "nosuch")) }
                == EPROTONOSUPPORT
        )
        let nameless = Address(host: "192.0.2.77", port: 0)
        #expect(failure { () throws(LaminaError) in _ = try chain.name(of: nameless) } == ENOENT)
        #expect(failure { () throws(LaminaError) in _ = try chain.name(of: Address(unix: "/x")) } != 0)
    }

    @Test("Every code of getaddrinfo has a status of its own, and the same code comes back")
    func codes() {
        let codes: [Int32] = [
            EAI_BADFLAGS, EAI_NONAME, EAI_AGAIN, EAI_FAIL, -5, EAI_FAMILY, EAI_SOCKTYPE, EAI_SERVICE, -9, EAI_MEMORY,
            EAI_OVERFLOW, -101,
        ]
        let statuses = codes.map { lamina_status_of_eai($0, 0) }
        #expect(Set(statuses).count == codes.count && statuses.allSatisfy { $0 < 0 })
        #expect(statuses.map { lamina_eai_of_status($0) } == codes)
        #expect(lamina_status_of_eai(EAI_SYSTEM, EMFILE) == -EMFILE && lamina_eai_of_status(-EMFILE) == EAI_SYSTEM)
        #expect(lamina_eai_of_status(-ETIMEDOUT) == EAI_AGAIN && lamina_eai_of_status(0) == 0)
        #expect(
            [EAI_NONAME, EAI_AGAIN, EAI_FAIL, -5, -9, EAI_SYSTEM, 0].map { lamina_host_error_of_eai($0) }
                == [HOST_NOT_FOUND, TRY_AGAIN, NO_RECOVERY, NO_DATA, NO_DATA, -1, 0]
        )
    }

    @Test("The layer resolver asks the system over a base that asks nobody")
    func resolver() throws {
        var host = [CChar](repeating: 0, count: 256)
        gethostname(&host, host.count - 1)
        let name = String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let system = try BaseProvider.kernel.chain().resolve(name, port: 5)
        #expect(throws: LaminaError.self) { try BaseProvider.memory.chain().resolve(name, port: 5) }
        let chain = try chain(("resolver", Plugin.product("Resolver")), ("memory", Plugin.product("Memory")))
        #expect(try chain.resolve(name, port: 5) == system)
    }

    @Test("A level whose conditions leave a question out is passed by; what isn't known can't leave it out")
    func conditions() throws {
        LayerOutput.capture()
        func asked(_ condition: String, _ name: String, port: UInt16 = 0) throws -> Bool {
            let label = LayerOutput.label("trace")
            let chain = try chain(
                ("trace=\(label):entries=resolve,\(condition)", Plugin.product("Trace")),
                ("memory", Plugin.product("Memory"))
            )
            _ = try? chain.resolve(name, port: port)
            return LayerOutput.lines(of: label).contains { $0.contains("resolve") }
        }
        #expect(try asked("when=[name=*.test]", "a.test"))
        #expect(try !asked("when=[name=*.test]", "localhost"))
        #expect(try !asked("except=[name=local*]", "localhost"))
        #expect(try asked("except=[name=local*]", "a.test"))
        #expect(try asked("when=[net=10.0.0.0/8]", "a.test"))
        #expect(try asked("except=[net=10.0.0.0/8]", "a.test"))
        #expect(try asked("when=[port=443]", "a.test"))
        #expect(try !asked("when=[port=443]", "a.test", port: 80))
        #expect(try !asked("when=[program=nobody]", "a.test"))
    }

    @Test("Conditions by network hold for the question for an address's name")
    func reverseConditions() throws {
        LayerOutput.capture()
        let label = LayerOutput.label("trace")
        let chain = try chain(
            ("trace=\(label):entries=reverse_resolve,when=[net=127.0.0.0/8]", Plugin.product("Trace")),
            ("memory", Plugin.product("Memory"))
        )
        #expect(throws: LaminaError.self) { try chain.name(of: Address(host: "192.0.2.1", port: 0)) }
        #expect(LayerOutput.lines(of: label).isEmpty)
        #expect(try chain.name(of: Address(host: "127.0.0.1", port: 0)) == "localhost")
        #expect(LayerOutput.lines(of: label).count == 1)
    }
}
