import Glibc

/// How a manifest's file says that its entry is disabled: `"masked": true` and why.
enum DisabledMark {
    static let masked = "masked"
    static let reason = "reason"
    static let keys = [masked, reason]
}

extension CatalogWriter {
    /// Disables a provider of `catalog` for everybody who reads this directory, until `enable`: by a mask with the reason
    /// (one line), in a file of its own or beside what this directory says about the provider. Whether it wasn't already.
    ///
    /// Throws `notFound` where the catalog has no such provider.
    @discardableResult
    public func disable(
        _ name: String,
        because reason: String = "",
        in catalog: Catalog = Catalog()
    ) throws(LaminaError) -> Bool {
        guard reason.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw LaminaError(.invalidArgument, "reason", "holds a control character", remedy: "write one line of text")
        }
        let file = "\(name).json"
        return try change("disable", name) { text throws(LaminaError) in
            var object = try Self.object(of: text(file), file: "\(directory.path)/\(file)")
            if object == nil { _ = try catalog.entry(named: name) }
            if object?[DisabledMark.masked]?.boolValue == true { return [:] }
            object = object ?? JSON.Object()
            object?[DisabledMark.masked] = true
            if !reason.isEmpty { object?[DisabledMark.reason] = .string(reason) }
            return [file: JSON.object(object ?? JSON.Object()).text(pretty: true)]
        } != nil
    }

    /// Takes back what `disable` has done in this directory. Whether the provider was disabled here. Where there is no
    /// such provider, or another directory disables it, this throws.
    @discardableResult
    public func enable(_ name: String, in catalog: Catalog = Catalog()) throws(LaminaError) -> Bool {
        let file = "\(name).json"
        return try change("enable", name) { text throws(LaminaError) in
            guard var object = try Self.object(of: text(file), file: "\(directory.path)/\(file)"),
                object[DisabledMark.masked]?.boolValue == true
            else {
                try checkIsEnabled(name, in: catalog)
                return [:]
            }
            for key in DisabledMark.keys { object[key] = nil }
            let says = object.members.contains { !["format", "name"].contains($0.key) }
            return [file: says ? JSON.object(object).text(pretty: true) : nil]
        } != nil
    }

    private func checkIsEnabled(_ name: String, in catalog: Catalog) throws(LaminaError) {
        guard case .masked(let file) = try catalog.entry(named: name).state else { return }
        let place = CatalogDirectory.option(forFile: file)
        throw LaminaError(
            .refused,
            "provider \"\(name)\"",
            "is disabled by \(file), not in \(directory.path)",
            remedy: "lamina enable \(place) \(name)"
        )
    }

    private static func object(of text: String?, file: String) throws(LaminaError) -> JSON.Object? {
        guard let text else { return nil }
        let json = try JSON(parsing: Array(text.utf8), named: file, code: .invalidManifest)
        guard let object = json.objectValue else {
            throw LaminaError(.invalidManifest, file, "holds \(json.kind) where an object is expected")
        }
        return object
    }
}
