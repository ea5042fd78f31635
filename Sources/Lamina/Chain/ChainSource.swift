/// The chain to open new sockets on, for a program that runs while the catalog changes.
///
/// Chains are immutable: a change of the files that a chain was made from makes another one, and sockets that are open keep
/// theirs. Nothing is paid on the call path; asking costs one system call.
public final class ChainSource: Sendable {
    /// Makes the chain from a catalog.
    public typealias Maker = @Sendable (Catalog) throws(LaminaError) -> Chain

    private struct State {
        var catalog: Catalog
        var chain: Result<Chain, LaminaError>
    }

    private let monitor: CatalogMonitor
    private let make: Maker
    private let state: Locked<State>

    /// A source of chains that `make` makes from a catalog of these directories; it is called now, and again after
    /// changes. Throws what it throws now, and where directories can't be watched.
    public init(
        directories: [CatalogDirectory] = CatalogDirectory.standard(),
        make: @escaping Maker
    ) throws(LaminaError) {
        monitor = try CatalogMonitor(directories)
        self.make = make
        let catalog = Catalog(directories: directories)
        state = Locked(State(catalog: catalog, chain: .success(try make(catalog))))
    }

    /// A source of chains of these layers over a base.
    public convenience init(
        layers: [LayerSpecification],
        base: LayerSpecification = LayerSpecification(name: "kernel"),
        directories: [CatalogDirectory] = CatalogDirectory.standard(),
        engine: Engine = .shared
    ) throws(LaminaError) {
        try self.init(directories: directories) { catalog throws(LaminaError) in
            try Chain(layers: layers, base: base, catalog: catalog, engine: engine)
        }
    }

    /// The descriptor that is readable when the catalog may have changed, for a program that wants to ask then only. It
    /// stays the source's.
    public var descriptor: Int32 { monitor.descriptor }

    /// The chain for new sockets: the same one as before where nothing has changed that it was made from. Throws why the
    /// present catalog makes none, a required layer that was removed for instance; that ends once it makes one again. Any
    /// thread; where there was a change it blocks for files and runs start-up code of new libraries.
    public var chain: Chain {
        get throws(LaminaError) {
            try state.withLock { state throws(LaminaError) in
                if monitor.hasChanged() { renew(&state) }
                return try state.chain.get()
            }
        }
    }

    private func renew(_ state: inout State) {
        let catalog = Catalog(directories: state.catalog.directories, quarantine: state.catalog.quarantine)
        if state.catalog.isConfirmed(by: catalog) { return }
        do throws(LaminaError) {
            state = State(catalog: catalog, chain: .success(try make(catalog)))
        } catch {
            state = State(catalog: catalog, chain: .failure(error))
        }
    }
}
