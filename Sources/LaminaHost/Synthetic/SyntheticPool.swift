import CLaminaRun
import CLinux
import Glibc

/// Which synthetic address stands for which name, in the supervisor: it outlives workers, and serves every process of the
/// run.
struct SyntheticPool {
    /// What an address stands for.
    struct Lease {
        /// The name that the program asked for, and the one that it is to be connected to.
        let asked: String
        let target: String
        /// When it was last given out or connected to, in nanoseconds of CLOCK_MONOTONIC.
        fileprivate var used: Int64
        /// How many sockets are noted as using it.
        fileprivate var users = 0

        /// Names are the same in either case, and with a final dot.
        fileprivate var key: String {
            func plain(_ name: String) -> Substring {
                let lower = name.lowercased()
                return lower.hasSuffix(".") ? lower.dropLast() : lower[...]
            }
            return "\(plain(asked)) \(plain(target))"
        }
    }

    private struct Use {
        let index: Int
        let peer: Endpoint
        var isPending: Bool
    }

    /// The addresses.
    let range: SyntheticRange
    private let hold: Int64
    private var leases: [Lease] = []
    private var byName: [String: Int] = [:]
    private var sockets: [UInt64: Use] = [:]
    private var mostSockets = 1024
    private var hasSaid = false

    init(_ addresses: SyntheticAddresses) {
        range = SyntheticRange(addresses)
        hold = max(0, addresses.hold) * 1_000_000
    }

    /// Whether any address stands for a name.
    var isUsed: Bool { !leases.isEmpty }

    private var now: Int64 { clinux_monotonic() }

    /// The number of an address that stands for a name from now on. Nil: all stand for others that can't give way.
    mutating func give(asked: String, target: String) -> Int? {
        let lease = Lease(asked: asked, target: target, used: now)
        if let known = byName[lease.key] {
            leases[known].used = lease.used
            return known
        }
        let index: Int
        if leases.count < range.count {
            index = leases.count
            leases.append(lease)
        } else {
            guard let oldest = oldest() else { return nil }
            index = oldest
            byName[leases[index].key] = nil
            leases[index] = lease
        }
        byName[lease.key] = index
        hasSaid = false
        return index
    }

    /// The one that nobody has asked for for longest, and no socket uses.
    private mutating func oldest() -> Int? {
        if let found = candidate() { return found }
        forgetClosed()
        return candidate()
    }

    private func candidate() -> Int? {
        let latest = now - hold
        return leases.indices.filter { leases[$0].used <= latest && leases[$0].users == 0 }
            .min { leases[$0].used < leases[$1].used }
    }

    /// What an address stands for.
    func lease(_ index: Int) -> Lease? { leases.indices.contains(index) ? leases[index] : nil }

    /// A socket begins to connect to an address. Answers what it stands for.
    mutating func begin(_ cookie: UInt64, _ index: Int, peer: Endpoint) -> Lease? {
        guard leases.indices.contains(index) else { return nil }
        remove(cookie)
        if sockets.count >= mostSockets {
            forgetClosed()
            mostSockets = max(1024, 2 * sockets.count)
        }
        sockets[cookie] = Use(index: index, peer: peer, isPending: true)
        leases[index].users += 1
        leases[index].used = now
        return leases[index]
    }

    /// The connect of a socket has been answered; `isUsed` says whether it is connected, or going to be.
    mutating func settle(_ cookie: UInt64, isUsed: Bool) {
        guard let use = sockets[cookie] else { return }
        leases[use.index].used = now
        sockets[cookie]?.isPending = false
        if !isUsed { remove(cookie) }
    }

    /// The address that a socket was connected to.
    func peer(of cookie: UInt64) -> Endpoint? { sockets[cookie]?.peer }

    /// Connects that were under way in a worker have ended with it.
    mutating func workerEnded() {
        for cookie in sockets.keys { sockets[cookie]?.isPending = false }
    }

    private mutating func remove(_ cookie: UInt64) {
        guard let use = sockets.removeValue(forKey: cookie) else { return }
        leases[use.index].users -= 1
    }

    /// Forgets the sockets that are there no longer. Where the kernel doesn't say, all count as being there.
    private mutating func forgetClosed() {
        guard let open = Self.openSockets() else { return }
        for (cookie, use) in sockets where !use.isPending && !open.contains(cookie) { remove(cookie) }
    }

    private static func openSockets() -> Set<UInt64>? {
        var cookies = [UInt64](repeating: 0, count: 4096)
        while true {
            let count = Int(clinux_tcp_cookies(&cookies, Int32(cookies.count)))
            if count < 0 { return nil }
            if count <= cookies.count { return Set(cookies[..<count]) }
            cookies = [UInt64](repeating: 0, count: count + 1024)
        }
    }

    /// Whether it is to be said that no address is free: once until one is.
    mutating func saysExhausted() -> Bool {
        defer { hasSaid = true }
        return !hasSaid
    }
}
