/// Memory for what a plug-in's descriptor points to: filled in once, then constant and never freed.
public enum Immortal {
    /// A zeroed value, with what `fill` writes into it. A struct that is made like this, field by field, stays right
    /// when the framework's header grows.
    @inlinable
    public static func value<Value>(_ fill: (UnsafeMutablePointer<Value>) -> Void) -> UnsafePointer<Value> {
        let size = MemoryLayout<Value>.stride
        let memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: MemoryLayout<Value>.alignment)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: size)
        let value = memory.assumingMemoryBound(to: Value.self)
        fill(value)
        return UnsafePointer(value)
    }

    /// A value in memory that is never freed.
    @inlinable
    public static func copy<Value>(_ value: Value) -> UnsafePointer<Value> {
        let memory = UnsafeMutablePointer<Value>.allocate(capacity: 1)
        memory.initialize(to: value)
        return UnsafePointer(memory)
    }

    /// Values one behind the other in memory that is never freed; nil for none.
    @inlinable
    public static func list<Value>(_ values: [Value]) -> UnsafePointer<Value>? {
        guard !values.isEmpty else { return nil }
        let memory = UnsafeMutableBufferPointer<Value>.allocate(capacity: values.count)
        _ = memory.initialize(fromContentsOf: values)
        return memory.baseAddress.map { UnsafePointer($0) }
    }

    /// A copy of a text as C sees it, NUL-terminated.
    public static func text(_ text: String) -> UnsafePointer<CChar> {
        let memory = UnsafeMutablePointer<CChar>.allocate(capacity: text.utf8.count + 1)
        for (index, byte) in text.utf8.enumerated() { memory[index] = CChar(bitPattern: byte) }
        memory[text.utf8.count] = 0
        return UnsafePointer(memory)
    }

    /// A literal as C sees it: NUL-terminated and constant.
    public static func text(_ literal: StaticString) -> UnsafePointer<CChar> {
        UnsafeRawPointer(literal.utf8Start).assumingMemoryBound(to: CChar.self)
    }
}
