/// In which order keys came of which something is remembered, so that the oldest can be forgotten, many at a time.
struct RecentKeys<Key> {
    /// How many are remembered at least; at most twice as many.
    let capacity: Int
    private var order: [Key] = []

    init(capacity: Int) {
        self.capacity = capacity
    }

    /// Notes a key; answers those that are to be forgotten.
    mutating func note(_ key: Key) -> ArraySlice<Key> {
        order.append(key)
        guard order.count >= 2 * capacity else { return [] }
        let oldest = order.prefix(capacity)
        order.removeFirst(capacity)
        return oldest
    }
}
