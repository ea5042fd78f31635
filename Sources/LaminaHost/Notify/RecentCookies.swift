/// The sockets of which something is remembered, by their cookies; the oldest are forgotten first.
struct RecentCookies {
    private var known: Set<UInt64> = []
    private var order = RecentKeys<UInt64>(capacity: 4096)

    func contains(_ cookie: UInt64) -> Bool { known.contains(cookie) }

    mutating func insert(_ cookie: UInt64) {
        guard known.insert(cookie).inserted else { return }
        for old in order.note(cookie) { known.remove(old) }
    }
}
