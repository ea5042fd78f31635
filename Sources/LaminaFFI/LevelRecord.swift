import CLamina
import CLaminaFFI

/// What stands behind the C handlers of one level: the layer's value, and its type, through which they reach the
/// conformance. A plain record: a call counts no reference and opens no box.
struct LevelRecord {
    let type: any (GenericLayer & ~Copyable).Type
    let layer: UnsafeMutableRawPointer
    /// What the library in C keeps of the level.
    var generic: UnsafeMutableRawPointer?

    init<Layer: GenericLayer & ~Copyable>(_ layer: consuming Layer) {
        let place = UnsafeMutablePointer<Layer>.allocate(capacity: 1)
        place.initialize(to: layer)
        type = Layer.self
        self.layer = UnsafeMutableRawPointer(place)
    }

    /// Ends the layer's value.
    func end() {
        type.end(layer)
    }

    static let called: @convention(c) (UnsafeMutablePointer<lamina_call>) -> lamina_status = { call in
        guard let context = call.pointee.context else { return lamina_call_forward(call) }
        let level = context.assumingMemoryBound(to: LevelRecord.self)
        return level.pointee.type.handle(call, level.pointee.layer)
    }

    static let ended: @convention(c) (UnsafePointer<lamina_ended_call>) -> lamina_status = { call in
        guard let context = call.pointee.context else { return 0 }
        let level = context.assumingMemoryBound(to: LevelRecord.self)
        level.pointee.type.handleEnd(call, level.pointee.layer)
        return 0
    }

    static let wanted: @convention(c) (UnsafePointer<lamina_signature>, UnsafeMutableRawPointer?) -> Int32 = {
        guard let level = $1?.assumingMemoryBound(to: LevelRecord.self) else { return 1 }
        return level.pointee.type.isWanted($0, level.pointee.layer) ? 1 : 0
    }
}

extension GenericLayer where Self: ~Copyable {
    @inline(__always)
    fileprivate static func handle(
        _ call: UnsafeMutablePointer<lamina_call>,
        _ layer: UnsafeMutableRawPointer
    ) -> lamina_status {
        layer.assumingMemoryBound(to: Self.self).pointee.call(GenericCall(call))
    }

    @inline(__always)
    fileprivate static func handleEnd(
        _ call: UnsafePointer<lamina_ended_call>,
        _ layer: UnsafeMutableRawPointer
    ) {
        layer.assumingMemoryBound(to: Self.self).pointee.ended(EndedCall(call))
    }

    fileprivate static func isWanted(
        _ signature: UnsafePointer<lamina_signature>,
        _ layer: UnsafeMutableRawPointer
    ) -> Bool {
        layer.assumingMemoryBound(to: Self.self).pointee.wants(GenericSignature(signature))
    }

    fileprivate static func end(_ layer: UnsafeMutableRawPointer) {
        let place = layer.assumingMemoryBound(to: Self.self)
        place.deinitialize(count: 1)
        place.deallocate()
    }
}
