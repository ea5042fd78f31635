import CLamina
import Glibc

/// What a plug-in makes of one level's settings: the value of its layer's type, or of its base's.
public protocol LevelValue: ~Copyable, Sendable {
    /// Makes one level, whose settings are checked already. Runs once a level, before any socket; it may block. The
    /// failure's message is what the user reads.
    init(_ level: Level) throws(Failure)
}

/// One level of a chain, behind its instance's context: a part whose state is a reference to this.
class LevelInstance {
    let level: Level
    /// Where the level has tables of its own.
    private var chosen: ChosenTables?

    fileprivate init(_ level: Level) { self.level = level }

    /// Where the level's value stands.
    fileprivate var value: UnsafeMutableRawPointer {
        UnsafeMutableRawPointer(Unmanaged.passUnretained(self).toOpaque())
    }

    /// Takes a live setting's new value.
    fileprivate func reconfigure(_ setting: String) throws(Failure) {}

    /// The lines of the level's table of rules.
    fileprivate var rules: [String] { [] }

    /// The entries that the level's value sees, and those that it is linked for; nil: all that its type has.
    fileprivate var entries: (seen: EntrySet, linked: EntrySet)? { nil }
    private var seesNoData = false

    /// Gives the level tables of its own where it sees fewer entries than its type.
    func choose(
        _ table: UnsafePointer<lamina_table>,
        _ indications: UnsafePointer<lamina_indications>,
        isStateless: Bool
    ) {
        guard let (seen, linked) = entries else { return }
        chosen = ChosenTables(table, indications, linked, isStateless: isStateless)
        seesNoData = seen.links.isDisjoint(with: [.dataOut, .dataIn])
    }

    /// Makes a level of a type: the function `instantiate` of its provider. `own` is the type's record, a `LayerType` or
    /// a `BaseType`.
    static func make(
        _ own: UnsafeRawPointer,
        _ table: UnsafePointer<lamina_table>,
        _ indications: UnsafePointer<lamina_indications>?,
        _ arguments: UnsafePointer<lamina_instance_arguments>,
        _ made: UnsafeMutablePointer<lamina_instance>,
        _ instance: () throws(Failure) -> LevelInstance
    ) -> lamina_status {
        do throws(Failure) {
            let instance = try instance()
            guard let memory = Part.allocate(size: MemoryLayout<Reference>.size, alignment: Part.size) else {
                throw Failure(ENOMEM)
            }
            _ = Part(memory, own, value: instance.value)
            (memory + Part.size).initializeMemory(as: Reference.self, to: Unmanaged.passRetained(instance))
            made.pointee.table = instance.chosen.map { UnsafePointer($0.table) } ?? table
            made.pointee.indications = instance.chosen.map { UnsafePointer($0.indications) } ?? indications
            if instance.seesNoData { made.pointee.effect = UInt32(LAMINA_EFFECT_NONE) }
            made.pointee.context = memory
            return 0
        } catch {
            return InstanceSettings(arguments).refuse(-error.errno, error.description)
        }
    }

    /// A level's value, and what holds it.
    static func holding<Value: LevelValue>(
        _ type: Value.Type,
        _ settings: [any DeclaredSetting],
        _ arguments: UnsafePointer<lamina_instance_arguments>
    ) throws(Failure) -> LevelInstance {
        let level = try Level(arguments, settings)
        return InstanceOf(level, try Value(level))
    }

    private typealias Reference = Unmanaged<LevelInstance>

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

    /// The function `rules` of a provider whose type has them.
    static let rules: ProviderDescription.Rules = { context, line, sink in
        guard let context else { return }
        for rule in of(context).takeUnretainedValue().rules {
            var rule = rule
            rule.withUTF8 { bytes in
                bytes.withMemoryRebound(to: CChar.self) { line(sink, $0.baseAddress ?? empty, $0.count) }
            }
        }
    }

    nonisolated(unsafe) private static let empty = Immortal.text("" as StaticString)

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
                cell.replace(by: setting)
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
private final class InstanceOf<Value: LevelValue>: LevelInstance {
    private let memory: UnsafeMutablePointer<Value>

    init(_ level: Level, _ value: Value) {
        memory = .allocate(capacity: 1)
        memory.initialize(to: value)
        super.init(level)
    }

    deinit {
        memory.deinitialize(count: 1)
        memory.deallocate()
    }

    override var value: UnsafeMutableRawPointer { UnsafeMutableRawPointer(memory) }

    override var entries: (seen: EntrySet, linked: EntrySet)? {
        guard let type = Value.self as? any ChoosesEntries.Type else { return nil }
        return type.entries(value)
    }

    override var rules: [String] {
        guard let type = Value.self as? any HasRules.Type else { return [] }
        return type.rules(UnsafeMutableRawPointer(memory))
    }

    override func reconfigure(_ setting: String) throws(Failure) {
        guard let type = Value.self as? any Reconfigures.Type else { return }
        try type.reconfigure(UnsafeMutableRawPointer(memory), setting, level)
    }
}

extension ChoosesEntries where Self: ~Copyable {
    fileprivate static func entries(_ memory: UnsafeMutableRawPointer) -> (seen: EntrySet, linked: EntrySet) {
        let value = memory.assumingMemoryBound(to: Self.self)
        let seen = value.pointee.entries
        return (seen, value.pointee.passesOthersOn ? seen.withTheirClasses : seen)
    }
}

extension HasRules where Self: ~Copyable {
    fileprivate static func rules(_ memory: UnsafeMutableRawPointer) -> [String] {
        memory.assumingMemoryBound(to: Self.self).pointee.ruleLines
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
