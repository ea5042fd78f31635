import CLamina
import CLinux
import Glibc
import Lamina

/// Questions for names and addresses.
enum NameChecks {
    static func check(_ subject: Subject) throws {
        try subject.onLoopback { rig in
            let filled = rig.chain.instances[0].entryNames
            guard filled.contains("resolve") || filled.contains("reverse_resolve") else {
                throw NotApplicable("it leaves names to the levels below")
            }
            if filled.contains("resolve") { try resolve(rig) }
            if filled.contains("reverse_resolve") { try reverse(rig) }
        }
    }

    private static let port: UInt16 = 4711
    private static let longest = 253

    private static func resolve(_ rig: Rig) throws {
        for (name, family, capacity) in [
            ("127.0.0.1", AF_UNSPEC, 8), ("127.0.0.1", AF_INET, 1), ("::1", AF_INET6, 8), ("localhost", AF_INET, 8),
            ("localhost", AF_UNSPEC, 1),
        ] {
            let answer = try ask(name, family, capacity, rig)
            guard answer.status >= 0 || rig.subject.decides else {
                throw wrong("\(name) ended with \(Status.text(answer.status))", "answer numbers and localhost", rig)
            }
            guard answer.status < 0 || answer.count > 0 else {
                throw wrong("\(name) ended with 0 and no address", "answer an error where there is no address", rig)
            }
            for address in answer.addresses where answer.status >= 0 {
                try check(address, of: name, family, rig)
            }
        }
        let bad = String(repeating: "x", count: longest + 50)
        for (name, family, capacity) in [("127.0.0.1", AF_INET, 0), ("", AF_UNSPEC, 4), (bad, AF_UNSPEC, 4)] {
            let answer = try ask(name, family, capacity, rig)
            guard answer.count == 0 else {
                throw wrong(
                    "a name of \(name.utf8.count) bytes, with room for \(capacity), ended with "
                        + "\(Status.text(answer.status)) and count \(answer.count)",
                    "write count, at most capacity, also where there is nothing",
                    rig
                )
            }
        }
    }

    private static func check(_ address: lamina_address, of name: String, _ family: Int32, _ rig: Rig) throws {
        let found = Int32(address.storage.socket.sa_family)
        guard Int(address.form) == LAMINA_ADDRESS_SOCKET, family == AF_UNSPEC || family == found else {
            throw wrong("\(name) was answered by an address of family \(found)", "answer the family asked for", rig)
        }
        let written = found == AF_INET6 ? address.storage.ipv6.sin6_port : address.storage.ipv4.sin_port
        guard UInt16(bigEndian: written) == port else {
            throw wrong(
                "\(name) was answered with port \(UInt16(bigEndian: written)) instead of \(port)",
                "put the query's port into every answer",
                rig
            )
        }
    }

    private struct Answer {
        let status: lamina_status
        let count: Int
        let addresses: [lamina_address]
    }

    private static func ask(_ name: String, _ family: Int32, _ capacity: Int, _ rig: Rig) throws -> Answer {
        let addresses = UnsafeMutablePointer<lamina_address>.allocate(capacity: capacity + 1)
        let query = UnsafeMutablePointer<lamina_resolve_arguments>.allocate(capacity: 1)
        let text = strdup(name)
        defer {
            free(text)
            addresses.deallocate()
            query.deallocate()
        }
        guard let text else { throw NotApplicable("there is no memory") }
        addresses.initialize(repeating: lamina_address(), count: capacity + 1)
        let mark: UInt32 = 0xA7A7_A7A7
        addresses[capacity].length = mark
        memset(query, 0, MemoryLayout<lamina_resolve_arguments>.size)
        query.pointee.size = UInt32(MemoryLayout<lamina_resolve_arguments>.size)
        query.pointee.family = family
        query.pointee.name = UnsafePointer(text)
        query.pointee.port = port
        query.pointee.capacity = UInt32(capacity)
        query.pointee.addresses = addresses
        let call = Call("resolve")
        call.make { rig.chain.resolve(query, request: $0) }
        // The name need not live longer.
        memset(text, Int32(UInt8(ascii: "?")), name.utf8.count)
        guard let end = call.end(within: Self.patience) else {
            throw wrong("\"\(name)\" was not answered within \(Self.patience) ms", "complete every question", rig)
        }
        let count = Int(query.pointee.count)
        guard count <= capacity, addresses[capacity].length == mark else {
            throw wrong("with room for \(capacity) addresses, \(count) were answered", "heed capacity", rig)
        }
        return Answer(status: end.status, count: count, addresses: (0..<count).map { addresses[$0] })
    }

    /// Milliseconds in which numbers and local names are answered.
    private static let patience: Int64 = 20_000

    private static func wrong(_ what: String, _ remedy: String, _ rig: Rig) -> Finding {
        Finding("resolve", "\(rig.place): \(what)", remedy)
    }

    private static func reverse(_ rig: Rig) throws {
        let query = UnsafeMutablePointer<lamina_reverse_arguments>.allocate(capacity: 1)
        defer { query.deallocate() }
        func ask(_ address: lamina_address) throws -> (status: lamina_status, name: String?) {
            query.initialize(to: lamina_reverse_arguments())
            query.pointee.size = UInt32(MemoryLayout<lamina_reverse_arguments>.size)
            query.pointee.flags = UInt32(NI_NUMERICHOST)
            query.pointee.address = address
            memset(&query.pointee.name, Int32(UInt8(ascii: "?")), MemoryLayout.size(ofValue: query.pointee.name))
            let call = Call("reverse_resolve")
            call.make { rig.chain.reverseResolve(query, request: $0) }
            guard let end = call.end(within: Self.patience) else {
                throw Finding(
                    "reverse_resolve",
                    "\(rig.place): was not answered within \(Self.patience) ms",
                    "complete every question"
                )
            }
            let bytes = withUnsafeBytes(of: query.pointee.name) { Array($0) }
            let name = bytes.firstIndex(of: 0).map { String(decoding: bytes[..<$0], as: UTF8.self) }
            return (end.status, name)
        }
        let answer = try ask(Ask.address(port: port, host: 0x7F00_0001))
        guard answer.status < 0 ? rig.subject.decides : answer.name == "127.0.0.1" else {
            throw Finding(
                "reverse_resolve",
                "\(rig.place): 127.0.0.1, asked for as a number, ended with \(Status.text(answer.status)) and "
                    + (answer.name.map { "the name \"\($0)\"" } ?? "a name without its NUL"),
                "write the name with a NUL behind it, as the flags ask"
            )
        }
        let empty = try ask(lamina_address())
        guard empty.status < 0 else {
            throw Finding(
                "reverse_resolve",
                "\(rig.place): the empty address ended with \(Status.text(empty.status))",
                "answer -EINVAL for an address that is none"
            )
        }
    }
}
