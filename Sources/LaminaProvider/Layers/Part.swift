public import CLamina
import Glibc

/// What a slot's context points to: which type the layer is, the level's value of it, and behind that the socket's state.
/// A slot of the chain's own column has the same without a state.
///
///     conformances | layer | State
@usableFromInline
struct Part {
    private struct Header {
        /// A `LayerType` or a `BaseType`.
        let own: UnsafeRawPointer
        let value: UnsafeMutableRawPointer
    }

    /// Where the state stands: a constant, so that a call needs no look at the type's layout.
    @inlinable
    static var size: Int { @inline(__always) get { 16 } }

    let memory: UnsafeMutableRawPointer

    @inline(__always)
    init?(_ slot: UnsafeMutablePointer<lamina_slot>) {
        guard let context = slot.pointee.context else { return nil }
        memory = context
    }

    /// The part of a slot whose layer is open: what the framework calls is.
    @inline(__always)
    init(open slot: UnsafeMutablePointer<lamina_slot>) { memory = slot.pointee.context.unsafelyUnwrapped }

    /// A part in memory of its own.
    init(_ memory: UnsafeMutableRawPointer, _ own: UnsafeRawPointer, value: UnsafeMutableRawPointer) {
        memory.initializeMemory(as: Header.self, to: Header(own: own, value: value))
        self.memory = memory
    }

    /// The part that stands in a level's slot of the chain's own column.
    init?(levelOf slot: UnsafeMutablePointer<lamina_slot>) {
        guard let context = lamina_instance_context(slot) else { return nil }
        memory = context
    }

    @inline(__always)
    private var header: UnsafeMutablePointer<Header> { memory.assumingMemoryBound(to: Header.self) }

    /// The layer's type.
    @inline(__always)
    var type: UnsafePointer<LayerType> { header.pointee.own.assumingMemoryBound(to: LayerType.self) }

    /// The type of a base, in a slot of the chain's own column.
    var base: UnsafePointer<BaseType> { header.pointee.own.assumingMemoryBound(to: BaseType.self) }

    /// What the type conforms to: a `LayerType`'s first member, read in its place.
    @inline(__always)
    var own: Conformances {
        @inline(__always) unsafeAddress { header.pointee.own.assumingMemoryBound(to: Conformances.self) }
    }

    /// Where the level's value stands.
    var valueMemory: UnsafeMutableRawPointer { header.pointee.value }

    /// The level's value.
    @inline(__always)
    func layer<L: Layer & ~Copyable>(_ type: L.Type) -> UnsafeMutablePointer<L> {
        header.pointee.value.assumingMemoryBound(to: L.self)
    }

    /// The socket's state.
    @inline(__always)
    func state<L: Layer & ~Copyable>(of type: L.Type) -> UnsafeMutablePointer<L.State> {
        (memory + Self.size).assumingMemoryBound(to: L.State.self)
    }

    /// The state of a socket whose layer is open.
    @inlinable @inline(__always)
    static func state<State: ~Copyable>(of slot: UnsafeMutablePointer<lamina_slot>) -> UnsafePointer<State> {
        UnsafePointer((slot.pointee.context.unsafelyUnwrapped + size).assumingMemoryBound(to: State.self))
    }

    /// The memory of a part whose type needs `size` bytes aligned to `alignment` behind the header; nil where there is none.
    static func allocate(size: Int, alignment: Int) -> UnsafeMutableRawPointer? {
        let alignment = max(alignment, Self.size)
        var block: UnsafeMutableRawPointer?
        guard posix_memalign(&block, alignment, alignment + size) == 0, let block else { return nil }
        return block + alignment - Self.size
    }

    /// Frees what `allocate` gave.
    static func free(_ memory: UnsafeMutableRawPointer, alignment: Int) {
        Glibc.free(memory + Self.size - max(alignment, Self.size))
    }
}
