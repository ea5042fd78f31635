import CLamina

/// An extension (`LAMINA_CONTROL_EXTENSION`) whose functions a provider describes (`lamina_extension_declaration`), for levels
/// that were compiled without them: `lamina install` writes it into the manifest.
public struct ExtensionDeclaration: @unchecked Sendable {
    // What it points to is constant and never freed.
    let declaration: lamina_extension_declaration

    /// An extension in its parts, for a description that is made once. The framework checks it when it loads the file.
    ///
    /// - Parameters:
    ///   - uuid: The extension's name, as UUID text.
    ///   - name: What people call it.
    ///   - dispatch: The members of the table that the level answers, declared as C declares them, all and in their order:
    ///     `uint64_t sent(void *context)`.
    ///   - client: Those of the table that whoever asks hands over.
    public init(
        _ uuid: StaticString,
        name: StaticString? = nil,
        dispatch: [StaticString],
        client: [StaticString] = []
    ) {
        declaration = lamina_extension_declaration(
            uuid: Immortal.text(uuid),
            name: name.map { Immortal.text($0) },
            dispatch_count: UInt32(dispatch.count),
            client_count: UInt32(client.count),
            dispatch: Immortal.list(dispatch.map { Immortal.text($0) }),
            client: Immortal.list(client.map { Immortal.text($0) })
        )
    }
}
