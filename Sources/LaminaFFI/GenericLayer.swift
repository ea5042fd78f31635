public import CLamina
import CLaminaFFI
public import LaminaProvider

/// A layer that handles calls generically: one handler for any entry, indication or extension's function, those included
/// that were unknown when it was compiled. One value stands for one level, and is used on any thread at once; it is only
/// borrowed.
///
/// A provider declares `LAMINA_PROVIDER_GENERIC`, and makes and ends its levels by `GenericLevel`.
public protocol GenericLayer: ~Copyable, Sendable {
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

extension GenericLayer where Self: ~Copyable {
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
        status = lamina_status(failing: error)
        self.reason = reason
    }
}

/// What a provider's `instantiate` and `destroy` do for a generic layer.
public enum GenericLevel {
    /// Makes a level of this layer. Answers as `lamina_generic_instantiate` does, or with the layer's refusal; the reason is
    /// written in each case.
    public static func instantiate<Layer: GenericLayer & ~Copyable>(
        _ type: Layer.Type,
        _ arguments: UnsafePointer<lamina_instance_arguments>,
        _ made: UnsafeMutablePointer<lamina_instance>
    ) -> lamina_status {
        let settings = InstanceSettings(arguments)
        do throws(GenericRefusal) {
            let record = LevelRecord(try type.init(settings))
            let level = UnsafeMutablePointer<LevelRecord>.allocate(capacity: 1)
            level.initialize(to: record)
            return start(level, arguments, made)
        } catch {
            return settings.refuse(error.status) { line in line.append(text: error.reason) }
        }
    }

    /// Ends a level, by its instance's context.
    public static func destroy(_ context: UnsafeMutableRawPointer?) {
        guard let level = context?.assumingMemoryBound(to: LevelRecord.self) else { return }
        lamina_generic_destroy(level.pointee.generic)
        end(level)
    }

    private static func start(
        _ level: UnsafeMutablePointer<LevelRecord>,
        _ arguments: UnsafePointer<lamina_instance_arguments>,
        _ made: UnsafeMutablePointer<lamina_instance>
    ) -> lamina_status {
        var options = lamina_generic_options(
            call: LevelRecord.called,
            ended: LevelRecord.ended,
            wants: LevelRecord.wanted,
            configure: nil,
            context: level
        )
        let status = lamina_generic_instantiate(arguments, &options, made)
        guard status == 0 else {
            end(level)
            return status
        }
        level.pointee.generic = made.pointee.context
        made.pointee.context = UnsafeMutableRawPointer(level)
        return 0
    }

    private static func end(_ level: UnsafeMutablePointer<LevelRecord>) {
        level.pointee.end()
        level.deinitialize(count: 1)
        level.deallocate()
    }
}
