public import CLamina
import Glibc

/// The order in which to try addresses (RFC 6724, section 6): rules 1, 2, 5, 6, 8, and 9 for IPv6, each by the source
/// address that a destination is reached from. What depends on an interface's state (deprecated and home addresses,
/// tunnels) isn't looked at. Addresses between which no rule decides keep their order; those of other families go last.
public enum AddressOrder {
    /// Sorts `count` addresses in place. `source` writes where a destination is reached from; false: it isn't.
    public static func sort(
        _ addresses: UnsafeMutablePointer<lamina_address>,
        _ count: Int,
        source: (UnsafeMutablePointer<lamina_address>, UnsafeMutablePointer<lamina_address>) -> Bool
    ) {
        var candidates: [Candidate] = []
        var from = lamina_address()
        for index in 0..<count {
            let isReached = IPAddress(addresses + index) != nil && source(addresses + index, &from)
            candidates.append(Candidate(address: addresses[index], source: isReached ? IPAddress(&from) : nil))
        }
        // An insertion sort: the lists are short, and equal ones must keep their order.
        for index in candidates.indices.dropFirst() {
            var place = index
            while place > 0, candidates[place].precedes(candidates[place - 1]) {
                candidates.swapAt(place, place - 1)
                place -= 1
            }
        }
        for (index, candidate) in candidates.enumerated() { addresses[index] = candidate.address }
    }
}

/// An IP address as 16 bytes, IPv4 mapped, in host byte order.
private struct IPAddress {
    let high: UInt64
    let low: UInt64

    init?(_ address: UnsafeMutablePointer<lamina_address>) {
        guard address.pointee.form == UInt16(LAMINA_ADDRESS_SOCKET) else { return nil }
        switch Int32(address.socket.pointee.sa_family) {
        case AF_INET:
            high = 0
            low = 0xFFFF << 32 | UInt64(UInt32(bigEndian: address.bytes.load(fromByteOffset: 4, as: UInt32.self)))
        case AF_INET6:
            high = UInt64(bigEndian: address.bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            low = UInt64(bigEndian: address.bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
        default: return nil
        }
    }

    private var isIPv4: Bool { high == 0 && low >> 32 == 0xFFFF }

    var scope: Int {
        if isIPv4 { return low >> 24 & 0xFF == 127 || low >> 16 & 0xFFFF == 0xA9FE ? 2 : 14 }
        if high >> 56 == 0xFF { return Int(high >> 48 & 0xF) }
        if high >> 54 == 0x3FA || (high == 0 && low == 1) { return 2 }
        return high >> 54 == 0x3FB ? 5 : 14
    }

    /// Precedence and label of the default policy table.
    var policy: (precedence: Int, label: Int) {
        if isIPv4 { return (35, 4) }
        if high == 0 { return low == 1 ? (50, 0) : low >> 32 == 0 ? (1, 3) : (40, 1) }
        switch high >> 48 {
        case 0x2002: return (30, 2)
        case 0x3FFE: return (1, 12)
        case 0x2001 where high >> 32 & 0xFFFF == 0: return (5, 5)
        default: break
        }
        if high >> 57 == 0x7E { return (3, 13) }
        return high >> 54 == 0x3FB ? (1, 11) : (40, 1)
    }

    /// Bits that two IPv6 addresses have in common, of the first 64.
    func commonBits(_ other: IPAddress) -> Int? {
        isIPv4 || other.isIPv4 ? nil : (high ^ other.high).leadingZeroBitCount
    }
}

private struct Candidate {
    let address: lamina_address
    private let own: IPAddress?
    private let source: IPAddress?

    init(address: lamina_address, source: IPAddress?) {
        self.address = address
        var copy = address
        own = IPAddress(&copy)
        self.source = source
    }

    /// Whether a rule puts this one first.
    func precedes(_ other: Candidate) -> Bool {
        guard let own, let source else { return false }
        guard let otherOwn = other.own, let otherSource = other.source else { return true }
        let fits = own.scope == source.scope
        if fits != (otherOwn.scope == otherSource.scope) { return fits }
        let isLabelled = own.policy.label == source.policy.label
        if isLabelled != (otherOwn.policy.label == otherSource.policy.label) { return isLabelled }
        if own.policy.precedence != otherOwn.policy.precedence {
            return own.policy.precedence > otherOwn.policy.precedence
        }
        if own.scope != otherOwn.scope { return own.scope < otherOwn.scope }
        guard let bits = own.commonBits(source), let otherBits = otherOwn.commonBits(otherSource) else { return false }
        return bits > otherBits
    }
}
