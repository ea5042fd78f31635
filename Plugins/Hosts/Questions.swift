import CLamina
import Glibc
import LaminaProvider

/// The entries for names and addresses.
enum Questions {
    static func resolve(
        _ slot: Slot,
        _ query: UnsafeMutablePointer<lamina_resolve_arguments>,
        _ request: Request
    ) -> lamina_status {
        guard query.pointee.flags & UInt32(AI_NUMERICHOST) == 0,
            let answer = HostsLevel.of(slot)?.answer(String(cString: query.pointee.name))
        else { return lamina_resolve(slot, query, request) }
        query.pointee.count = 0
        switch answer {
        case .status(let status): return lamina_complete(slot, request, status, 0)
        case .goesOn(let name): return ask(name, slot, query, request)
        case .addresses(let addresses, let name):
            let count = write(addresses, to: query)
            guard count > 0 || query.pointee.capacity == 0 else {
                return lamina_complete(slot, request, -EADDRNOTAVAIL, 0)
            }
            write(name, to: query.pointee.canonical)
            return lamina_complete(slot, request, 0, UInt64(count))
        }
    }

    private static func write(
        _ addresses: [lamina_address],
        to query: UnsafeMutablePointer<lamina_resolve_arguments>
    ) -> Int {
        let family = query.pointee.family
        var count = 0
        for address in addresses where count < Int(query.pointee.capacity) {
            guard family == AF_UNSPEC || family == Int32(address.storage.socket.sa_family) else { continue }
            query.pointee.addresses[count] = address
            (query.pointee.addresses + count).setPort(query.pointee.port)
            count += 1
        }
        query.pointee.count = UInt32(count)
        return count
    }

    private static func write(_ name: String, to room: UnsafeMutablePointer<CChar>?) {
        guard let room else { return }
        name.withCString { room.update(from: $0, count: min(strlen($0) + 1, Int(LAMINA_NAME_CAPACITY))) }
    }

    static func reverse(
        _ slot: Slot,
        _ query: UnsafeMutablePointer<lamina_reverse_arguments>,
        _ request: Request
    ) -> lamina_status {
        guard query.pointee.flags & UInt32(NI_NUMERICHOST) == 0,
            let name = HostsLevel.of(slot)?.name(of: query.pointee.address)
        else { return lamina_reverse_resolve(slot, query, request) }
        UnsafeMutableRawPointer(query.field(\.name)).withMemoryRebound(
            to: CChar.self,
            capacity: Int(LAMINA_NAME_CAPACITY)
        ) { write(name, to: $0) }
        return lamina_complete(slot, request, 0, 0)
    }

    // MARK: - Other names

    /// The question as the levels below get it, and the one that was asked.
    private struct Renamed {
        var inner: lamina_resolve_arguments
        let outer: UnsafeMutablePointer<lamina_resolve_arguments>
        let name: UnsafeMutablePointer<CChar>
    }

    /// Asks the levels below for another name. They write to the memory of the question that was asked.
    private static func ask(
        _ name: String,
        _ slot: Slot,
        _ query: UnsafeMutablePointer<lamina_resolve_arguments>,
        _ request: Request
    ) -> lamina_status {
        guard let copy = strdup(name) else { return lamina_complete(slot, request, -ENOMEM, 0) }
        let renamed = UnsafeMutablePointer<Renamed>.allocate(capacity: 1)
        renamed.initialize(to: Renamed(inner: query.pointee, outer: query, name: copy))
        renamed.pointee.inner.name = UnsafePointer(copy)
        guard lamina_push(slot, request, answered, renamed) != nil else {
            discard(renamed)
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        return lamina_resolve(slot, renamed.field(\.inner), request)
    }

    private static let answered: lamina_completion = { _, _, context in
        guard let renamed = context?.assumingMemoryBound(to: Renamed.self) else { return 0 }
        renamed.pointee.outer.pointee.count = renamed.pointee.inner.count
        discard(renamed)
        return 0
    }

    private static func discard(_ renamed: UnsafeMutablePointer<Renamed>) {
        free(renamed.pointee.name)
        renamed.deallocate()
    }
}
