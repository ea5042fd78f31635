import CLamina

/// The signatures that a generic level gets, in their C form, with the texts that they point to.
final class SignatureStorage: @unchecked Sendable {
    // Written in init only, and freed with this.
    private(set) var signatures: UnsafeBufferPointer<lamina_signature>
    private var memory: [UnsafeMutableRawPointer] = []

    /// The framework's own entries and indications, from the one list of them.
    private static let own: [Entry: Signature] = {
        var own: [Entry: Signature] = [:]
        for (table, count, declare) in [
            (LAMINA_SIGNATURE_ENTRY, LAMINA_ENTRY_COUNT, lamina_declare_entry),
            (LAMINA_SIGNATURE_INDICATION, LAMINA_INDICATION_COUNT, lamina_declare_indication),
        ] {
            for number in 0..<UInt32(count) {
                // The list is the header's own, and a test reads every line of it.
                own[Entry(table: UInt32(table), number: number)] = try? Signature(
                    parsing: String(cString: declare(number))
                )
            }
        }
        return own
    }()

    private struct Entry: Hashable {
        let table: UInt32
        let number: UInt32
    }

    /// Everything that the framework has, and the functions of these extensions.
    init(_ extensions: [ExtensionDescription]) {
        signatures = UnsafeBufferPointer(start: nil, count: 0)
        var all: [lamina_signature] = []
        for (table, count, describe) in [
            (LAMINA_SIGNATURE_ENTRY, LAMINA_ENTRY_COUNT, lamina_describe_entry),
            (LAMINA_SIGNATURE_INDICATION, LAMINA_INDICATION_COUNT, lamina_describe_indication),
        ] {
            for number in 0..<UInt32(count) {
                guard let known = Self.own[Entry(table: UInt32(table), number: number)] else { continue }
                let description = describe(number).pointee
                var signature = made(of: known, in: table)
                signature.number = number
                signature.offset = UInt32(description.offset)
                signature.classes = description.classes
                all.append(signature)
            }
        }
        for item in extensions {
            let (uuid, title) = (text(item.uuid), text(item.name.isEmpty ? item.uuid : item.name))
            for (table, functions) in [
                (LAMINA_SIGNATURE_EXTENSION, item.dispatch), (LAMINA_SIGNATURE_EXTENSION_CLIENT, item.client),
            ] {
                var offset = 0
                for (number, function) in functions.enumerated() {
                    let size = function.isField ? function.result.kind.size : MemoryLayout<lamina_any_function>.size
                    offset = (offset + size - 1) / size * size
                    var signature = made(of: function, in: table)
                    signature.number = UInt32(number)
                    signature.offset = UInt32(offset)
                    signature.extension = uuid
                    signature.extension_title = title
                    all.append(signature)
                    offset += size
                }
            }
        }
        signatures = list(all)
    }

    deinit {
        for block in memory { block.deallocate() }
    }

    private func made(of signature: Signature, in table: Int) -> lamina_signature {
        let parameters = list(signature.parameters.map(parameter))
        return lamina_signature(
            size: UInt32(MemoryLayout<lamina_signature>.size),
            table: UInt32(table),
            number: 0,
            offset: 0,
            classes: 0,
            is_field: signature.isField ? 1 : 0,
            name: text(signature.name),
            declaration: text(signature.declaration),
            extension: nil,
            extension_title: nil,
            result: parameter(signature.result),
            parameter_count: UInt32(parameters.count),
            reserved: 0,
            parameters: parameters.baseAddress
        )
    }

    private func parameter(_ parameter: Signature.Parameter) -> lamina_parameter {
        lamina_parameter(
            name: text(parameter.name),
            type: text(parameter.type),
            kind: parameter.kind.rawValue,
            is_constant: parameter.isConstant ? 1 : 0
        )
    }

    /// A NUL-terminated copy that lives as long as this object.
    private func text(_ text: String) -> UnsafePointer<CChar> {
        let bytes = Array(text.utf8CString)
        let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
        copy.initialize(from: bytes, count: bytes.count)
        memory.append(UnsafeMutableRawPointer(copy))
        return UnsafePointer(copy)
    }

    /// Values one behind the other, for as long as this object lives.
    private func list<Value>(_ values: [Value]) -> UnsafeBufferPointer<Value> {
        guard !values.isEmpty else { return UnsafeBufferPointer(start: nil, count: 0) }
        let copy = UnsafeMutableBufferPointer<Value>.allocate(capacity: values.count)
        _ = copy.initialize(fromContentsOf: values)
        if let base = copy.baseAddress { memory.append(UnsafeMutableRawPointer(base)) }
        return UnsafeBufferPointer(copy)
    }
}
