import CLamina
import Glibc

/// One level of a chain, behind its instance's context: a part whose state is a reference to this.
class LayerInstance {
    let level: Level

    fileprivate init(_ level: Level) { self.level = level }

    /// Where the layer's value stands.
    fileprivate var value: UnsafeMutableRawPointer {
        UnsafeMutableRawPointer(Unmanaged.passUnretained(self).toOpaque())
    }

    /// Takes a live setting's new value.
    fileprivate func reconfigure(_ setting: String) throws(Failure) {}

    /// Makes a level of a type: the function `instantiate` of its provider.
    static func make(
        _ type: UnsafePointer<LayerType>,
        _ arguments: UnsafePointer<lamina_instance_arguments>,
        _ made: UnsafeMutablePointer<lamina_instance>
    ) -> lamina_status {
        do throws(Failure) {
            try check(type)
            let instance = try make(type.pointee.type, arguments)
            guard let memory = Part.allocate(size: MemoryLayout<Reference>.size, alignment: Part.size) else {
                throw Failure(ENOMEM)
            }
            _ = Part(memory, type, layer: instance.value)
            (memory + Part.size).initializeMemory(as: Reference.self, to: Unmanaged.passRetained(instance))
            made.pointee.table = type.pointee.table
            made.pointee.indications = type.pointee.indications
            made.pointee.context = memory
            return 0
        } catch {
            return InstanceSettings(arguments).refuse(-error.errno, error.description)
        }
    }

    /// Data pass a layer without effect by, so that it can't have asked to see them.
    private static func check(_ type: UnsafePointer<LayerType>) throws(Failure) {
        let about = type.pointee.type.about
        guard about.effect == .none, let entry = type.pointee.conformances.dataEntry else { return }
        throw Failure(
            EINVAL,
            "layer \(about.name) sees data by \(entry), and says that it has no effect on data: "
                + "declare effect .observe or .transform"
        )
    }

    private typealias Reference = Unmanaged<LayerInstance>

    private static func make<L: Layer>(
        _ type: L.Type,
        _ arguments: UnsafePointer<lamina_instance_arguments>
    ) throws(Failure) -> LayerInstance {
        let level = try Level(arguments, type.about.settings)
        return InstanceOf(level, try L(level))
    }

    private static func of(_ context: UnsafeMutableRawPointer) -> Reference {
        (context + Part.size).assumingMemoryBound(to: Reference.self).pointee
    }

    /// Ends a level: the function `destroy` of its provider.
    static let destroy: ProviderDescription.Destroy = { context in
        guard let context else { return }
        let instance = of(context)
        let level = instance.takeUnretainedValue().level
        instance.release()
        level.end()
        Part.free(context, alignment: Part.size)
    }

    /// The entry `configure`: keeps the value that a layer reads, unless it is out of range or the layer refuses it.
    static let configure:
        @convention(c) (
            UnsafeMutableRawPointer?, UnsafePointer<lamina_setting>, UnsafeMutablePointer<CChar>, Int
        ) -> lamina_status = { context, setting, reason, capacity in
            guard let context else { return -EINVAL }
            let instance = of(context).takeUnretainedValue()
            guard let cell = instance.level.cell(named: setting.pointee.name) else { return -ENOENT }
            do throws(Failure) {
                if let problem = cell.problem(setting.pointee) { throw Failure(EINVAL, problem) }
                let before = cell.contents
                cell.take(setting.pointee)
                do throws(Failure) { try instance.reconfigure(cell.name.description) } catch {
                    cell.contents = before
                    throw error
                }
                return 0
            } catch {
                InstanceSettings.write(error.description, reason, capacity)
                return -error.errno
            }
        }
}

/// A level of a type that is known.
private final class InstanceOf<L: Layer>: LayerInstance {
    private let memory: UnsafeMutablePointer<L>

    init(_ level: Level, _ layer: L) {
        memory = .allocate(capacity: 1)
        memory.initialize(to: layer)
        super.init(level)
    }

    deinit {
        memory.deinitialize(count: 1)
        memory.deallocate()
    }

    override var value: UnsafeMutableRawPointer { UnsafeMutableRawPointer(memory) }

    override func reconfigure(_ setting: String) throws(Failure) {
        guard let type = L.self as? any Reconfigures.Type else { return }
        try type.reconfigure(UnsafeMutableRawPointer(memory), setting, level)
    }
}

extension Reconfigures where Self: ~Copyable {
    fileprivate static func reconfigure(
        _ memory: UnsafeMutableRawPointer,
        _ setting: String,
        _ level: Level
    ) throws(Failure) {
        try memory.assumingMemoryBound(to: Self.self).pointee.reconfigure(setting, level)
    }
}
