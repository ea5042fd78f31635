import CLamina
import CLinux
import Glibc
import Lamina
import TestSupport
import Testing

/// What may come from anybody: the value, and the packets at the rendezvous.
@Suite struct HandoffMessageTests {
    private let fixtures: CoreFixtures

    init() throws {
        fixtures = try CoreFixtures()
    }

    /// A chain with settings, a secret one, and conditions.
    private func chain() throws -> Chain {
        let layer = try fixtures.library("layer")
        return try fixtures.chain(
            "\(layer)=one:when=[port=443]",
            "\(layer)=two:except=[name=*.example.com,direction=out]"
        )
    }

    private func messages() throws -> [HandoffMessage] {
        let state = HandoffState(
            family: AF_INET,
            type: Int32(SOCK_STREAM.rawValue),
            category: .connection,
            mode: .move,
            active: 0b1110,
            name: "host.example.com",
            levels: [
                HandoffState.Level(
                    place: 3,
                    label: "held",
                    uuid: "",
                    version: 7,
                    bytes: Array("state".utf8),
                    descriptorCount: 2
                )
            ]
        )
        return [
            .redeem([UInt8](repeating: 9, count: 256)), .chain(ChainDescription(of: try chain())), .ready,
            .state(state),
            .adopted, .commit, .refused(errno: EPERM, reason: "no", level: "two"),
        ]
    }

    @Test("A packet is read as it was written; cut anywhere, or longer, it is refused")
    func packets() throws {
        for message in try messages() {
            let bytes = message.bytes
            #expect(try HandoffMessage(parsing: bytes) == message)
            for length in 0..<bytes.count {
                #expect(throws: LaminaError.self) { try HandoffMessage(parsing: Array(bytes[..<length])) }
            }
            #expect(throws: LaminaError.self) { try HandoffMessage(parsing: bytes + [0]) }
        }
    }

    @Test("A packet with any of its bytes changed is refused, or says something else that can be written again")
    func edited() throws {
        for message in try messages() {
            let bytes = message.bytes
            for place in bytes.indices {
                for value: UInt8 in [0, 1, 0x7f, 0x80, 0xff] where bytes[place] != value {
                    var edited = bytes
                    edited[place] = value
                    guard let read = try? HandoffMessage(parsing: edited) else { continue }
                    #expect(try HandoffMessage(parsing: read.bytes) == read)
                }
            }
        }
    }

    @Test("Packets of random bytes are refused without harm, also behind a sound head")
    func random() throws {
        let head = HandoffMessage.ready.bytes
        for round in 0..<20_000 {
            var bytes = (0..<Int.random(in: 0...80)).map { _ in UInt8.random(in: .min ... .max) }
            if round % 2 == 0 { bytes = head.prefix(6) + [UInt8.random(in: 1...7), 0] + bytes }
            if let read = try? HandoffMessage(parsing: bytes) {
                #expect(try HandoffMessage(parsing: read.bytes) == read)
            }
        }
    }

    @Test("A value says what it was made of; any other bytes of any length are refused")
    func values() throws {
        for length in [0, 1, 255, 256, 257, 4096] {
            for fill: UInt8 in [0, 0x4c, 0xff] {
                let error = #expect(throws: LaminaError.self) {
                    try ProtocolInfo(parsing: [UInt8](repeating: fill, count: length))
                }
                #expect(error?.code == .invalidArgument && error?.subject == "protocol info")
            }
        }
    }
}
