/// The sockets of which something is remembered, by their cookies; the oldest are forgotten first.
struct RecentCookies {
    private static let capacity = 4096

    private var known: Set<UInt64> = []
    private var order: [UInt64] = []

    func contains(_ cookie: UInt64) -> Bool { known.contains(cookie) }

    mutating func insert(_ cookie: UInt64) {
        guard known.insert(cookie).inserted else { return }
        order.append(cookie)
        if order.count < 2 * Self.capacity { return }
        for old in order.prefix(Self.capacity) { known.remove(old) }
        order.removeFirst(Self.capacity)
    }
}
