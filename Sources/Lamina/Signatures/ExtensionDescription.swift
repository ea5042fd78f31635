/// What a manifest says about an extension that is asked for by a UUID (`LAMINA_CONTROL_EXTENSION`): the functions of the
/// two tables that are exchanged, so that a level can see calls whose types it was not compiled for.
///
///     "extensions": [{
///       "uuid": "6f1c2d3e-4a5b-4c6d-8e7f-90a1b2c3d4e5", "name": "counter",
///       "dispatch": ["uint64_t sent(void *context)"], "client": ["void closed(void *context, uint64_t sent)"]
///     }]
public struct ExtensionDescription: Sendable, Equatable {
    /// The extension's name, in small letters.
    public let uuid: String
    /// What people call it; empty where nothing is said.
    public let name: String
    /// The table that a level answers, in its order, with nothing left out.
    public let dispatch: [Signature]
    /// The table that whoever asks hands over; empty where there is none.
    public let client: [Signature]

    init(_ reader: ManifestReader) throws(LaminaError) {
        try reader.refuseUnknown(["uuid", "name", "dispatch", "client"])
        guard let uuid = try reader.text("uuid") else { throw reader.missing("uuid", "name the extension") }
        guard Self.isUUID(uuid) else {
            throw reader.error("uuid", "\"\(uuid)\" is no UUID", remedy: "write 8-4-4-4-12 hexadecimal digits")
        }
        self.uuid = uuid.lowercased()
        name = try reader.text("name") ?? ""
        dispatch = try Self.signatures("dispatch", reader)
        client = try Self.signatures("client", reader)
    }

    private static func signatures(_ key: String, _ reader: ManifestReader) throws(LaminaError) -> [Signature] {
        var signatures: [Signature] = []
        for (index, text) in try reader.texts(key).enumerated() {
            do throws(LaminaError) {
                signatures.append(try Signature(parsing: text))
            } catch {
                throw reader.error("\(key)[\(index)]", "\(error.subject) \(error.cause)", remedy: error.remedy)
            }
        }
        guard signatures.count <= 256 else {
            throw reader.error(key, "has \(signatures.count) functions", remedy: "list at most 256")
        }
        return signatures
    }

    private static func isUUID(_ text: String) -> Bool {
        let groups = text.split(separator: "-", omittingEmptySubsequences: false)
        return groups.map(\.count) == [8, 4, 4, 4, 12] && groups.joined().allSatisfy { $0.isASCII && $0.isHexDigit }
    }

    /// The description as it stands in a manifest.
    public var json: JSON {
        var object = JSON.Object()
        object["uuid"] = .string(uuid)
        if !name.isEmpty { object["name"] = .string(name) }
        for (key, signatures) in [("dispatch", dispatch), ("client", client)] where !signatures.isEmpty {
            object[key] = .array(signatures.map { .string($0.declaration) })
        }
        return .object(object)
    }
}
