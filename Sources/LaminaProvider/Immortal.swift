/// Memory for what a plug-in's descriptor points to: zeroed, filled in once, then constant and never freed.
///
/// A struct that is made here and changed field by field stays right when the framework's header grows.
public enum Immortal {
    /// A zeroed value, with what `fill` writes into it.
    @inlinable
    public static func value<Value>(_ fill: (UnsafeMutablePointer<Value>) -> Void) -> UnsafePointer<Value> {
        values(1) { fill($0) }
    }

    /// `count` zeroed values, with what `fill` writes into them.
    @inlinable
    public static func values<Value>(
        _ count: Int,
        _ fill: (UnsafeMutablePointer<Value>) -> Void
    ) -> UnsafePointer<Value> {
        let size = MemoryLayout<Value>.stride * count
        let memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: MemoryLayout<Value>.alignment)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: size)
        let values = memory.assumingMemoryBound(to: Value.self)
        fill(values)
        return UnsafePointer(values)
    }

    /// A value in memory that is never freed.
    @inlinable
    public static func copy<Value>(_ value: Value) -> UnsafePointer<Value> {
        let memory = UnsafeMutablePointer<Value>.allocate(capacity: 1)
        memory.initialize(to: value)
        return UnsafePointer(memory)
    }

    /// A literal as C sees it: NUL-terminated and constant.
    public static func text(_ literal: StaticString) -> UnsafePointer<CChar> {
        UnsafeRawPointer(literal.utf8Start).assumingMemoryBound(to: CChar.self)
    }
}
