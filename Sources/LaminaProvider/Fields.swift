extension UnsafeMutablePointer {
    /// Where a stored property stands. Unlike `&pointer.pointee.property` it isn't an access to it, which the thread
    /// sanitizer would take for a write by this thread. A constant offset once compiled.
    @inlinable @inline(__always)
    public func field<Value>(_ property: KeyPath<Pointee, Value>) -> UnsafeMutablePointer<Value> {
        let place = UnsafeMutableRawPointer(self) + (MemoryLayout<Pointee>.offset(of: property) ?? 0)
        return place.assumingMemoryBound(to: Value.self)
    }
}
