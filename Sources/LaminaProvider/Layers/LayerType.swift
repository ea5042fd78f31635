import CLamina
import Glibc

/// A layer's type as the plug-in offers it: what it conforms to, and its tables. It lives for good.
struct LayerType: @unchecked Sendable {
    // What it points to is constant and never freed.
    let conformances: Conformances
    let type: any Layer.Type
    private(set) var about: LayerDescription
    let table: UnsafePointer<lamina_table>
    let indications: UnsafePointer<lamina_indications>
    let isStateless: Bool
    let stateSize: Int
    let stateAlignment: Int

    init(_ type: any Layer.Type) {
        let own = Conformances(of: type)
        self.type = type
        about = type.about
        about.isTerminating = own.terminating != nil
        about.handshakes = own.handshakes != nil
        about.hasRules = type is any HasRules.Type
        conformances = own
        (isStateless, stateSize, stateAlignment) = Self.layout(of: type)
        let stateless = isStateless
        table = Immortal.copy(
            lamina_table { table in
                LifetimeThunks.fill(&table, own, isStateless: stateless)
                ControlThunks.fill(&table, own)
                ConnectionThunks.fill(&table, own)
                DatagramThunks.fill(&table, own)
                NameThunks.fill(&table, own)
                if own.observesCalls != nil { ObserverThunks.fill(&table) }
                table.configure = LevelInstance.configure
            }
        )
        indications = Immortal.copy(
            lamina_indications { table in
                EventThunks.fill(&table, own)
                if own.observesCalls != nil { ObserverThunks.fill(&table) }
            }
        )
    }

    private static func layout<L: Layer>(of type: L.Type) -> (isStateless: Bool, size: Int, alignment: Int) {
        (L.State.self == NoState.self, MemoryLayout<L.State>.size, MemoryLayout<L.State>.alignment)
    }

    /// Makes a level: the function `instantiate` of its provider.
    static func instantiate(
        _ own: UnsafePointer<LayerType>,
        _ arguments: UnsafePointer<lamina_instance_arguments>,
        _ made: UnsafeMutablePointer<lamina_instance>
    ) -> lamina_status {
        let type = own.pointee.type
        return LevelInstance.make(own, own.pointee.table, own.pointee.indications, arguments, made) {
            () throws(Failure) in
            try own.pointee.check()
            let instance = try instance(type, arguments)
            instance.choose(own.pointee.table, own.pointee.indications, isStateless: own.pointee.isStateless)
            return instance
        }
    }

    private static func instance<L: Layer>(
        _ type: L.Type,
        _ arguments: UnsafePointer<lamina_instance_arguments>
    ) throws(Failure) -> LevelInstance {
        try LevelInstance.holding(type, type.about.settings, arguments)
    }

    /// Data pass a layer without effect by, so that it can't have asked to see them, or carry them elsewhere.
    private func check() throws(Failure) {
        if about.effect == .none, about.isTerminating {
            throw Failure(
                EINVAL,
                "layer \(about.name) ends the columns of its sockets, and says that it has no effect on data: "
                    + "declare effect .observe or .transform"
            )
        }
        guard about.effect == .none, let entry = conformances.dataEntry else { return }
        throw Failure(
            EINVAL,
            "layer \(about.name) sees data by \(entry), and says that it has no effect on data: "
                + "declare effect .observe or .transform"
        )
    }
}
