public import CLamina
public import CLaminaFFI
public import LaminaProvider

/// A layer that handles calls generically: one handler for any entry, indication or extension's function, those included
/// that were unknown when it was compiled. One value stands for one level, and is used on any thread at once.
///
/// A provider declares `LAMINA_PROVIDER_GENERIC`, and makes and ends its levels by `GenericLevel`.
public protocol GenericLayer: Sendable {
    /// Makes a level. What is thrown is the line that says why there is none.
    init(_ settings: InstanceSettings) throws(GenericRefusal)

    /// Whether the level wants to see calls of this. Asked once for each; everything, unless it says otherwise.
    func wants(_ signature: GenericSignature) -> Bool

    /// Handles one call, on the caller's thread; must not block. It forwards, completes or delays the call, once, and
    /// returns what that gave.
    func call(_ call: borrowing GenericCall) -> lamina_status

    /// Runs when a watched operation has ended, on any thread; must not block.
    func ended(_ call: borrowing EndedCall)
}

extension GenericLayer {
    /// Everything.
    public func wants(_ signature: GenericSignature) -> Bool { true }

    /// Nothing.
    public func ended(_ call: borrowing EndedCall) {}
}

/// Why a level can't be made.
public struct GenericRefusal: Error, Sendable {
    /// A negative `errno`.
    public let status: lamina_status
    /// One line.
    public let reason: String

    /// A refusal with an `errno` and one line.
    public init(_ error: Int32, _ reason: String) {
        status = -abs(error)
        self.reason = reason
    }
}

/// What a provider's `instantiate` and `destroy` do for a generic layer.
public enum GenericLevel {
    /// Makes a level of this layer. Answers as `lamina_generic_instantiate` does, or with the layer's refusal; the reason is
    /// written in each case.
    @inlinable
    public static func instantiate<Layer: GenericLayer>(
        _ type: Layer.Type,
        _ arguments: UnsafePointer<lamina_instance_arguments>,
        _ made: UnsafeMutablePointer<lamina_instance>
    ) -> lamina_status {
        do throws(GenericRefusal) {
            return start(LayerHandler(try Layer(InstanceSettings(arguments))), arguments, made)
        } catch {
            return refuse(error, arguments)
        }
    }

    /// Ends a level, by its instance's context.
    public static func destroy(_ context: UnsafeMutableRawPointer?) {
        guard let context else { return }
        let level = context.assumingMemoryBound(to: Level.self)
        lamina_generic_destroy(level.pointee.generic)
        level.pointee.handler.release()
        level.deinitialize(count: 1)
        level.deallocate()
    }

    private struct Level {
        let handler: Unmanaged<CallHandler>
        let generic: UnsafeMutableRawPointer?
    }

    @usableFromInline
    static func start(
        _ handler: CallHandler,
        _ arguments: UnsafePointer<lamina_instance_arguments>,
        _ made: UnsafeMutablePointer<lamina_instance>
    ) -> lamina_status {
        let retained = Unmanaged.passRetained(handler)
        var options = lamina_generic_options(
            call: CallHandler.called,
            ended: CallHandler.ended,
            wants: CallHandler.wanted,
            configure: nil,
            context: retained.toOpaque()
        )
        let status = lamina_generic_instantiate(arguments, &options, made)
        guard status == 0 else {
            retained.release()
            return status
        }
        let level = UnsafeMutablePointer<Level>.allocate(capacity: 1)
        level.initialize(to: Level(handler: retained, generic: made.pointee.context))
        made.pointee.context = UnsafeMutableRawPointer(level)
        return 0
    }

    @usableFromInline
    static func refuse(
        _ refusal: GenericRefusal,
        _ arguments: UnsafePointer<lamina_instance_arguments>
    ) -> lamina_status {
        InstanceSettings(arguments).refuse(refusal.status) { line in
            line.append(text: refusal.reason)
        }
    }
}

/// What stands behind the C handler of one level.
@usableFromInline
class CallHandler {
    @usableFromInline init() {}

    @usableFromInline
    func handle(_ call: UnsafeMutablePointer<lamina_call>) -> lamina_status { lamina_call_forward(call) }
    @usableFromInline
    func handleEnd(_ call: UnsafePointer<lamina_ended_call>) {}
    @usableFromInline
    func wants(_ signature: UnsafePointer<lamina_signature>) -> Bool { true }

    static let called: @convention(c) (UnsafeMutablePointer<lamina_call>) -> lamina_status = { call in
        guard let context = call.pointee.context else { return lamina_call_forward(call) }
        return Unmanaged<CallHandler>.fromOpaque(context)._withUnsafeGuaranteedRef { $0.handle(call) }
    }

    static let ended: @convention(c) (UnsafePointer<lamina_ended_call>) -> lamina_status = { call in
        guard let context = call.pointee.context else { return 0 }
        Unmanaged<CallHandler>.fromOpaque(context)._withUnsafeGuaranteedRef { $0.handleEnd(call) }
        return 0
    }

    static let wanted: @convention(c) (UnsafePointer<lamina_signature>, UnsafeMutableRawPointer?) -> Int32 = {
        guard let context = $1 else { return 1 }
        let signature = $0
        return Unmanaged<CallHandler>.fromOpaque(context)._withUnsafeGuaranteedRef { $0.wants(signature) ? 1 : 0 }
    }
}

/// The handler of a layer's level.
@usableFromInline
final class LayerHandler<Layer: GenericLayer>: CallHandler {
    @usableFromInline let layer: Layer

    @inlinable
    init(_ layer: Layer) {
        self.layer = layer
        super.init()
    }

    @inlinable
    override func handle(_ call: UnsafeMutablePointer<lamina_call>) -> lamina_status { layer.call(GenericCall(call)) }
    @inlinable
    override func handleEnd(_ call: UnsafePointer<lamina_ended_call>) { layer.ended(EndedCall(call)) }
    @inlinable
    override func wants(_ signature: UnsafePointer<lamina_signature>) -> Bool {
        layer.wants(GenericSignature(signature))
    }
}
