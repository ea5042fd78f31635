extension Chain {
    /// The environment variable that names a program's layers: each `NAME[=LABEL][:key=value,…]`, separated by blanks,
    /// the first next to the program. A program with more rights than its caller takes nothing from it.
    public static let layersVariable = "LAMINA_LAYERS"

    /// The chain of a program that names none itself: the layers of `LAMINA_LAYERS`, else of the policy that names the
    /// program, else none, over the kernel's sockets where nothing names another base (see ``ChainSelection``). Blocks for
    /// files, and runs the libraries' start-up code.
    public static func ofProgram(
        catalog: Catalog = Catalog(),
        engine: Engine = .shared
    ) throws(LaminaError) -> Chain {
        let selection = ChainSelection(in: catalog)
        for problem in selection.problems { Output.log(.warning, "", problem.description) }
        return try Chain(try selection.layers(), catalog: catalog, engine: engine)
    }

    /// The chain that has this name in the catalog. Throws where there is none, and what the layers' own chain throws. Blocks
    /// for files, and runs the libraries' start-up code.
    public convenience init(
        named name: String,
        catalog: Catalog = Catalog(),
        engine: Engine = .shared
    ) throws(LaminaError) {
        try self.init(try catalog.chain(named: name).definition.resolved(in: catalog), catalog: catalog, engine: engine)
    }

    private convenience init(
        _ chosen: ChainSelection.Layers,
        catalog: Catalog,
        engine: Engine
    ) throws(LaminaError) {
        let base = chosen.base ?? LayerSpecification(name: ChainDefinition.defaultBase)
        try self.init(layers: chosen.layers, base: base, catalog: catalog, engine: engine)
    }
}
