extension Chain {
    /// The environment variable that names a program's layers: each `NAME[=LABEL][:key=value,…]`, separated by blanks,
    /// the first next to the program. A program with more rights than its caller takes nothing from it.
    public static let layersVariable = "LAMINA_LAYERS"

    /// The chain of a program that names none itself: the layers of `LAMINA_LAYERS`, or none, over the kernel's sockets.
    /// Blocks for files, and runs the libraries' start-up code.
    public static func ofProgram(
        catalog: Catalog = Catalog(),
        engine: Engine = .shared
    ) throws(LaminaError) -> Chain {
        var layers: [LayerSpecification] = []
        for word in try LayerGrammar.words(Substring(Environment.value(of: layersVariable) ?? "")) {
            layers.append(try LayerSpecification(parsing: String(word)))
        }
        return try Chain(layers: layers, catalog: catalog, engine: engine)
    }
}
