import Glibc

/// Changes one `catalog.d` directory: providers, chains and policies (WSCInstallProvider, WSCDeinstallProvider,
/// WSCWriteProviderOrder).
///
/// Each change happens under the directory's lock, is whole for every reader, on disk when the call returns, recorded in
/// `.history`, and can be undone; see <doc:The-catalog>. Where a call throws, nothing has changed, unless the error says so.
/// Calls block for files and for other writers. Catalogs that were read before don't change.
public struct CatalogWriter: Sendable {
    /// The directory that is changed.
    public let directory: CatalogDirectory

    /// Where `install` notes what crashed.
    public let quarantine: Quarantine

    /// A writer of this directory.
    public init(_ directory: CatalogDirectory, quarantine: Quarantine = .standard) {
        self.directory = directory
        self.quarantine = quarantine
    }

    /// The administrator's directory for root, else the user's own.
    public static func standard() throws(LaminaError) -> CatalogWriter {
        if geteuid() == 0 { return CatalogWriter(.system) }
        guard let user = CatalogDirectory.user else {
            throw LaminaError(.notFound, "HOME", "is not set", remedy: "set HOME, or name a directory")
        }
        return CatalogWriter(user)
    }

    /// Makes one change of any number of files: each path, relative to the directory (`NAME.json`, `chains/NAME.json`,
    /// `policies/NAME.json`), with the JSON text that it will hold, or nil to remove it.
    ///
    /// `action` and `subject` say in the history what was done to what, `origin` where it came from. Gives the change's
    /// number; nil where every file holds that already, which is no change.
    @discardableResult
    public func change(
        _ action: String,
        _ subject: String,
        origin: String? = nil,
        files: [String: String?]
    ) throws(LaminaError) -> Int? {
        try change(action, subject, origin: origin) { _ throws(LaminaError) in files }
    }

    /// Makes a change that depends on what files hold: `files` is called under the lock, with a way to read them (nil: it
    /// isn't there), and gives the change.
    @discardableResult
    public func change(
        _ action: String,
        _ subject: String,
        origin: String? = nil,
        files: (_ text: (String) throws(LaminaError) -> String?) throws(LaminaError) -> [String: String?]
    ) throws(LaminaError) -> Int? {
        var journal = try ChangeJournal(directory.path)
        defer { sweep(journal) }
        let directory = directory.path
        let changed = try files { path throws(LaminaError) in try ChangeJournal.text(of: path, in: directory) }
        return try journal.change(action, subject, origin: origin, files: changed)
    }

    /// Writes one manifest, replacing the one of its name.
    public func write(_ manifest: Manifest) throws(LaminaError) {
        try change("write", manifest.name, files: ["\(manifest.name).json": manifest.json.text(pretty: true)])
    }

    /// Removes what this directory says about a provider. Its library goes once no record of the history names it.
    public func remove(_ name: String) throws(LaminaError) {
        let file = "\(name).json"
        try change("remove", name) { text throws(LaminaError) in
            guard LayerGrammar.isName(name), try text(file) != nil else { throw missing(name) }
            return [file: nil]
        }
    }

    /// An error about a name that this directory hasn't.
    func missing(_ name: String) -> LaminaError {
        let names = (try? File.names(in: directory.path, endingIn: ".json")) ?? []
        return LaminaError(
            .notFound,
            "provider \"\(name)\"",
            "is not installed in \(directory.path)",
            remedy: Suggestion.remedy(
                for: name,
                among: names.map { Manifest.stem(of: $0) },
                otherwise: "lamina list shows what is"
            )
        )
    }
}
