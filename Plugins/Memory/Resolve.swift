import CLamina
import Glibc
import LaminaProvider

/// Names: addresses in numbers, and "localhost". Nobody is asked, so nothing pends.
enum Resolve {
    static func resolve(
        _ slot: Slot,
        _ query: UnsafeMutablePointer<lamina_resolve_arguments>,
        _ request: Request
    ) -> lamina_status {
        unsafe query.pointee.count = 0
        guard var question = unsafe lamina_address(asking: query.pointee) else {
            return unsafe lamina_complete(slot, request, -ENOENT, 0)
        }
        let count = unsafe look(
            up: &question,
            family: query.pointee.family,
            query.pointee.addresses,
            capacity: Int(query.pointee.capacity)
        )
        unsafe query.pointee.count = UInt32(count)
        if count > 0 {
            unsafe query.pointee.canonical?.update(from: query.pointee.name, count: Int(question.length) + 1)
            return unsafe lamina_complete(slot, request, 0, UInt64(count))
        }
        // A name that is known has no address of this family.
        var any = lamina_address()
        let isKnown = unsafe query.pointee.capacity > 0 && look(up: &question, family: AF_UNSPEC, &any, capacity: 1) > 0
        return unsafe lamina_complete(slot, request, isKnown ? -EADDRNOTAVAIL : -ENOENT, 0)
    }

    static func reverse(
        _ slot: Slot,
        _ query: UnsafeMutablePointer<lamina_reverse_arguments>,
        _ request: Request
    ) -> lamina_status {
        guard let endpoint = unsafe Endpoint(&query.pointee.address), endpoint.family != AF_UNIX else {
            return unsafe lamina_complete(slot, request, -EINVAL, 0)
        }
        let isNumeric = unsafe query.pointee.flags & UInt32(NI_NUMERICHOST) != 0
        let isLoopback =
            endpoint.family == AF_INET ? endpoint.low >> 24 == 127 : endpoint.high == 0 && endpoint.low == 1
        if !isNumeric, !isLoopback, unsafe query.pointee.flags & UInt32(NI_NAMEREQD) != 0 {
            return unsafe lamina_complete(slot, request, -ENOENT, 0)
        }
        let capacity = unsafe socklen_t(MemoryLayout.size(ofValue: query.pointee.name))
        let address = unsafe query.field(\.address)
        unsafe withUnsafeMutableBytes(of: &query.pointee.name) { name in
            guard let name = unsafe name.baseAddress?.assumingMemoryBound(to: CChar.self) else { return }
            if isLoopback && !isNumeric {
                unsafe strcpy(name, "localhost")
            } else {
                let family = unsafe Int32(address.socket.pointee.sa_family)
                let offset = family == AF_INET6 ? Endpoint.ipv6Offset : 4
                _ = unsafe inet_ntop(family, address.bytes + offset, name, capacity)
            }
        }
        return unsafe lamina_complete(slot, request, 0, 0)
    }

    /// Writes the addresses of a name, at most `capacity`, and answers how many there are.
    static func look(
        up question: UnsafePointer<lamina_address>,
        family: Int32,
        _ addresses: UnsafeMutablePointer<lamina_address>,
        capacity: Int
    ) -> Int {
        let name = unsafe question.bytes.assumingMemoryBound(to: CChar.self)
        var found: [Endpoint] = []
        var ipv4 = in_addr()
        var ipv6 = in6_addr()
        if unsafe strcasecmp(name, "localhost") == 0 {
            found = [loopback(AF_INET), loopback(AF_INET6)]
        } else if unsafe inet_pton(AF_INET, name, &ipv4) == 1 {
            var endpoint = Endpoint(family: AF_INET)
            endpoint.low = UInt64(UInt32(bigEndian: ipv4.s_addr))
            found = [endpoint]
        } else if unsafe isIPv6(name, &ipv6) {
            var endpoint = Endpoint(family: AF_INET6)
            unsafe withUnsafeBytes(of: &ipv6) { bytes in
                endpoint.high = unsafe UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))
                endpoint.low = unsafe UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            }
            found = [endpoint]
        }
        var count = 0
        for var endpoint in found where count < capacity && (family == AF_UNSPEC || family == endpoint.family) {
            endpoint.port = unsafe question.pointee.port
            unsafe endpoint.write(addresses + count, for: endpoint.family)
            count += 1
        }
        return count
    }

    /// Reads an IPv6 address; a scope behind it means nothing here.
    private static func isIPv6(_ name: UnsafePointer<CChar>, _ address: inout in6_addr) -> Bool {
        guard let scope = unsafe strchr(name, Int32(UInt8(ascii: "%"))) else {
            return unsafe inet_pton(AF_INET6, name, &address) == 1
        }
        return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { bare in
            let length = unsafe UnsafePointer(scope) - name
            guard let start = bare.baseAddress, length < bare.count else { return false }
            unsafe start.update(from: name, count: length)
            unsafe start[length] = 0
            return unsafe inet_pton(AF_INET6, start, &address) == 1
        }
    }

    private static func loopback(_ family: Int32) -> Endpoint { Endpoint(family: family).reached }
}
