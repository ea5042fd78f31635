import CLamina
import Glibc

/// Layers over one base, in order (a protocol chain). Immutable: a changed catalog makes new chains, and open sockets
/// keep theirs.
///
/// A chain is itself a column, of instances: names are resolved and providers controlled on it.
public final class Chain: @unchecked Sendable {
    // Everything but the cache of links is written once, in init.
    /// Where the chain's sockets wait, and where their completions run.
    public let engine: Engine
    /// The levels, the first one next to the program, the base last.
    public let instances: [Instance]
    /// What is unusual about the order that was given, and what is absent, one line each.
    public let warnings: [String]
    /// How each level's provider was named: by the catalog's name, or by a path.
    let names: [String]
    /// Layers that were named and that the chain goes without: those that say `required=no` and can't be had, and all of
    /// them with `LAMINA_DISABLE=1`.
    public let absences: [Absence]
    /// After which changes of the catalog the chain was made; nil where it was made of providers.
    public let generation: CatalogGeneration?

    private let levels: [Level]
    private let memory: UnsafeMutableRawPointer
    /// Held while a socket's links are bound for good.
    /// The number means nothing: an empty state has the object's own address, which the thread sanitizer takes for a race.
    let binding = Locked(0)
    private let cache = Locked<[LinkShape: LinkSet]>([:])
    private let ownLinks: LinkSet
    /// The same for questions that some levels' conditions leave out, and whether there are such conditions.
    let questionLinks = QuestionLinks()
    let conditionalNames: Bool
    /// Whether levels can be switched off and on while sockets are open. Data calls then follow the tables of links rather
    /// than the slots' own, which costs a load each.
    public let isSwitchable: Bool
    /// The instances that are switched off, bit 0 for the first. Changed while `binding` is held.
    let switchedOff = Locked<UInt64>(0)

    /// Slot 0 of the chain's own column.
    var slots: Slot { Self.slots(in: memory) }

    private static func slots(in memory: UnsafeMutableRawPointer) -> Slot {
        (memory + MemoryLayout<lamina_column>.size).assumingMemoryBound(to: lamina_slot.self)
    }

    /// Loads what the layers name and makes the chain: each in the order given, the first next to the program.
    ///
    /// A layer's name is one of the catalog's, or a path (anything with a `/`) of a library that needs no installing.
    /// Throws what is wrong with a layer, a setting, a library or the order; a layer that says `required=no` and can't be had
    /// is left out. With `isSwitchable` levels can be switched while sockets are open (`setLevel(_:isOn:)`). Blocks for
    /// files, and runs the start-up code of the libraries.
    public convenience init(
        layers: [LayerSpecification],
        base: LayerSpecification = LayerSpecification(name: "kernel"),
        catalog: Catalog = Catalog(),
        isSwitchable: Bool = false,
        engine: Engine = .shared
    ) throws(LaminaError) {
        let (parts, absences) = try catalog.parts(layers: layers, base: base)
        try self.init(
            parts,
            absences: absences,
            generation: catalog.generation,
            members: parts.map { catalog.member(for: $0.layer, loaded: $0.provider) },
            isSwitchable: isSwitchable,
            engine: engine
        )
    }

    /// Makes a chain of providers that are loaded already, the base last. With `LAMINA_DISABLE=1` it is the base alone.
    public convenience init(
        _ parts: [(layer: LayerSpecification, provider: Provider)],
        isSwitchable: Bool = false,
        engine: Engine = .shared
    ) throws(LaminaError) {
        let isDisabled = Environment.isDisabled
        try self.init(
            isDisabled ? Array(parts.suffix(1)) : parts,
            absences: isDisabled ? parts.dropLast().map { Absence(disabled: Self.label(of: $0)) } : [],
            generation: nil,
            isSwitchable: isSwitchable,
            engine: engine
        )
    }

    /// Makes a chain of what a catalog gave.
    package init(
        _ parts: [(layer: LayerSpecification, provider: Provider)],
        absences: [Absence],
        generation: CatalogGeneration?,
        members: [ChainMember]? = nil,
        isSwitchable: Bool = false,
        engine: Engine
    ) throws(LaminaError) {
        try Self.check(parts)
        self.isSwitchable = isSwitchable
        self.generation = generation
        let ordered = members ?? parts.map { ChainMember($0.provider.manifest, label: Self.label(of: $0)) }
        var order = try ChainOrder(keeping: ordered)
        let extensions = Self.extensions(ordered, of: parts)
        let size = MemoryLayout<lamina_column>.size + (parts.count + 1) * MemoryLayout<lamina_slot>.size
        memory = .allocate(byteCount: size, alignment: 64)
        memset(memory, 0, size)
        self.engine = engine
        var instances: [Instance] = []
        var names: [String] = []
        var absences = absences
        do throws(LaminaError) {
            let slots = Self.slots(in: memory)
            Self.prepare(memory, levelCount: parts.count, engine: engine)
            for (index, part) in parts.enumerated() {
                let label = Self.label(of: part)
                let slot = slots + instances.count + 1
                slot.pointee.reserved.0 = UInt64(UInt(bitPattern: Labels.text(label)))
                var layer = part.layer
                layer.label = label
                do throws(LaminaError) {
                    let instance = try part.provider.instantiate(layer, extensions: extensions, slot: slot)
                    slot.pointee.context = instance.context
                    instances.append(instance)
                    names.append(layer.name)
                } catch {
                    guard layer.required == false, index < parts.count - 1 else { throw error }
                    absences.append(Absence(label: label, reason: error))
                }
            }
            if instances.count < parts.count {
                Self.prepare(memory, levelCount: instances.count, engine: engine)
                let labels = instances.map(\.label)
                order = try ChainOrder(keeping: ordered.filter { labels.contains($0.label) })
            }
            self.instances = instances
            self.names = names
            self.absences = absences
            warnings = order.warnings + absences.map(\.description)
            isShareable = instances.allSatisfy { $0.provider.manifest.handoff == .share }
            levels = instances.map(Level.init)
            conditionalNames = instances.dropLast().contains { !$0.conditions.isEmpty }
        } catch {
            for instance in instances { instance.destroy() }
            memory.deallocate()
            throw error
        }
        ownLinks = LinkSet(
            compiling: LinkCompiler(
                levels: levels,
                category: SocketCategories.all.rawValue,
                active: .max,
                isIndirect: false,
                binders: [:]
            )
        )
        ownLinks.write(to: slots)
    }

    deinit {
        for instance in instances { instance.destroy() }
        memory.deallocate()
    }

    /// A column like the chain's own on which only the levels of `active` are linked; the caller frees it.
    func columnForQuestions(_ active: UInt64) -> UnsafeMutableRawPointer {
        let size = MemoryLayout<lamina_column>.size + (instances.count + 1) * MemoryLayout<lamina_slot>.size
        let memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
        memset(memory, 0, size)
        Self.prepare(memory, levelCount: instances.count, engine: engine)
        memory.assumingMemoryBound(to: lamina_column.self).pointee.instances = slots
        for level in 1...instances.count { Self.slots(in: memory)[level].context = slots[level].context }
        questions(active).write(to: Self.slots(in: memory))
        return memory
    }

    /// The links of such a column, which live as long as the chain.
    private func questions(_ active: UInt64) -> LinkSet {
        let shape = LinkShape(start: 0, category: SocketCategories.all.rawValue, active: active, waits: false)
        return cache.withLock { cache in
            if let known = cache[shape] { return known }
            let made = LinkSet(
                compiling: LinkCompiler(
                    levels: levels,
                    category: shape.category,
                    active: active,
                    isIndirect: false,
                    binders: [:]
                )
            )
            cache[shape] = made
            return made
        }
    }

    /// The extensions that the levels' manifests describe, for the levels that handle calls generically. Where two
    /// manifests describe one, the one nearer to the program is taken.
    private static func extensions(
        _ members: [ChainMember],
        of parts: [(layer: LayerSpecification, provider: Provider)]
    ) -> [ExtensionDescription] {
        guard parts.contains(where: { $0.provider.manifest.isGeneric }) else { return [] }
        var extensions: [ExtensionDescription] = []
        for member in members {
            for described in member.manifest.extensions {
                guard let other = extensions.first(where: { $0.uuid == described.uuid }) else {
                    extensions.append(described)
                    continue
                }
                if other.dispatch != described.dispatch || other.client != described.client {
                    Output.log(
                        .warning,
                        "extension \(described.uuid)",
                        "the manifest of \"\(member.label)\" describes it differently than one above; that one counts"
                    )
                }
            }
        }
        return extensions
    }

    private static func label(of part: (layer: LayerSpecification, provider: Provider)) -> String {
        part.layer.hasOwnLabel || !part.layer.isPath ? part.layer.label : part.provider.name
    }

    private static func check(_ parts: [(layer: LayerSpecification, provider: Provider)]) throws(LaminaError) {
        guard let base = parts.last?.provider, base.manifest.kind == .base || base.manifest.kind == .terminating else {
            throw LaminaError(.invalidChain, "chain", "has no base", remedy: "end it with a base provider, e.g. kernel")
        }
        guard parts.count < 62 else {
            throw LaminaError(.invalidChain, "chain", "has \(parts.count) levels", remedy: "use at most 61")
        }
        for part in parts.dropLast() where part.provider.manifest.kind == .base {
            throw LaminaError(
                .invalidChain,
                "layer \"\(label(of: part))\"",
                "is a base",
                remedy: "name layers alone; one base stands last"
            )
        }
        var labels: Set<String> = []
        for part in parts {
            let label = label(of: part)
            guard labels.insert(label).inserted else {
                throw LaminaError(
                    .invalidChain,
                    "label \"\(label)\"",
                    "is given twice",
                    remedy: "give one its own: \(part.layer.name)=LABEL"
                )
            }
        }
    }

    private static func prepare(_ memory: UnsafeMutableRawPointer, levelCount: Int, engine: Engine) {
        let column = memory.bindMemory(to: lamina_column.self, capacity: 1)
        let slots = Self.slots(in: memory)
        column.pointee.generation = 1
        column.pointee.upcalls = Upcalls.table
        column.pointee.instances = slots
        column.pointee.origin = UnsafePointer(OriginStorage.program.pointer)
        column.pointee.engine = Unmanaged.passUnretained(engine.first).toOpaque()
        column.pointee.levels = UInt32(levelCount)
        column.pointee.category = SocketCategories.all.rawValue
        for level in 0...levelCount {
            slots[level].column = column
            slots[level].level = UInt32(level)
        }
    }

    // MARK: - What it is

    /// Whether its sockets can be used by two processes at once, after a fork for instance: no level keeps something of
    /// them that one process alone may have.
    public let isShareable: Bool

    /// What the chain does to data: the most that any layer does.
    public var effect: Effect {
        instances.dropLast().map(\.effect).max() ?? .none
    }

    /// The labels, from the program down.
    public var labels: [String] { instances.map(\.label) }

    /// The level of this label; nil where there is none.
    public func instance(labelled label: String) -> Instance? {
        instances.first { $0.label == label }
    }

    var instanceCount: Int { instances.count }

    /// The instance at a place of the chain's own column, 1 being the first.
    func instance(_ place: Int) -> Instance? {
        instances.indices.contains(place - 1) ? instances[place - 1] : nil
    }

    // MARK: - Columns

    /// How many levels a column has that begins below `start` levels: down to a terminating level, or the base.
    func levelCount(from start: Int) -> Int {
        let rest = levels[start...]
        let end = rest.firstIndex { $0.kind != .layered } ?? levels.count - 1
        return end - start + 1
    }

    /// Whether a level of such a column waits for a destination.
    func hasConditions(from start: Int) -> Bool {
        instances[start..<(start + levelCount(from: start))].contains { !$0.conditions.isEmpty }
    }

    /// The levels that stand in such a column of this category and that no condition leaves out.
    func unconditional(from start: Int, in category: UInt32) -> UInt64 {
        mask(from: start, in: category) { $0.conditions.isEmpty }
    }

    /// The levels that stand in such a column of this category and that the conditions let in for this socket. None
    /// leaves the last one out.
    func active(from start: Int, in category: UInt32, for subject: ConditionSubject) -> UInt64 {
        mask(from: start, in: category) { $0.conditions.apply(to: subject) }
    }

    private func mask(from start: Int, in category: UInt32, _ isLetIn: (Instance) -> Bool) -> UInt64 {
        let count = levelCount(from: start)
        var mask: UInt64 = 0
        for level in 1...count where levels[start + level - 1].categories & category != 0 {
            if level == count || isLetIn(instances[start + level - 1]) { mask |= 1 << UInt64(level) }
        }
        return mask
    }

    /// The links of a shape of column, compiled at its first use.
    func links(_ shape: LinkShape) -> LinkSet {
        cache.withLock { cache in
            if let known = cache[shape] { return known }
            let end = shape.start + levelCount(from: shape.start)
            let made = LinkSet(
                compiling: LinkCompiler(
                    levels: Array(levels[shape.start..<end]),
                    category: shape.category,
                    active: shape.active,
                    isIndirect: isSwitchable || hasConditions(from: shape.start),
                    binders: shape.isFrozen ? FrozenCalls.functions : shape.waits ? ColumnBinding.binders : [:]
                )
            )
            cache[shape] = made
            return made
        }
    }
}

/// What decides the links of a column.
struct LinkShape: Hashable {
    /// How many of the chain's levels stand above.
    let start: Int
    let category: UInt32
    /// The levels that are linked.
    let active: UInt64
    /// Whether slot 0 waits for a destination.
    let waits: Bool
    /// Whether slot 0's calls are held back.
    var isFrozen = false
}
