import Glibc
public import Lamina

extension Run {
    /// A run of a program on the chain that it gets: the layers that are given, else the chain that is named, else
    /// `LAMINA_LAYERS`, else the policy that names the program, else none (see `ChainSelection`). `name` is what policies may
    /// know this run by.
    ///
    /// Throws where the place that decides can't be followed. Blocks for files.
    public init(
        program: String,
        arguments: [String] = [],
        choosing request: ChainSelection.Request,
        name: String? = nil,
        catalog: Catalog = Catalog()
    ) throws(LaminaError) {
        let selection = ChainSelection(request, for: Self.identity(of: program, name: name), in: catalog)
        for problem in selection.problems { Output.log(.warning, "", problem.description) }
        if selection.source == .layers, let chain = request.chain {
            Output.log(.warning, "--chain \(chain)", "is not used: the layers that were given stand before it")
        }
        let chosen = try selection.layers()
        self.init(program: program, arguments: arguments, layers: chosen.layers, catalog: catalog)
        if let base = chosen.base { self.base = base }
        self.name = name
    }

    /// What policies know a program by that this process would start. One that isn't found has the name that it was given.
    static func identity(of program: String, name: String?) -> ProgramIdentity {
        let path = try? ProgramFile.find(program)
        return .ofProgram(at: path ?? program, name: name)
    }
}
