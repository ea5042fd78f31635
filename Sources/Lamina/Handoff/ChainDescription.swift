import Glibc

/// A chain as another process can make it: how each level was named, and with which settings and conditions.
package struct ChainDescription: Equatable {
    /// One level.
    package struct Level: Equatable {
        /// As the source named the provider: by the catalog's name or by a path.
        package var name: String
        /// Where the source's library lies; empty for a provider of the program itself.
        package var path: String
        package var label: String
        /// The provider's identity and name, which must be the target's.
        package var uuid: String
        package var provider: String
        package var settings: [Setting]
        package var when: [String]
        package var except: [String]
    }

    /// One value of a setting.
    package struct Setting: Equatable {
        package var key: String
        package var isSecret: Bool
        package var bytes: [UInt8]
    }

    package var levels: [Level]

    /// What makes this chain again.
    package init(of chain: Chain) {
        levels = zip(chain.names, chain.instances).map { name, instance in
            Level(
                name: name.contains("/") ? instance.provider.path : name,
                path: instance.provider.path.hasPrefix("/") ? instance.provider.path : "",
                label: instance.label,
                uuid: instance.provider.manifest.uuid,
                provider: instance.provider.name,
                settings: instance.settings.items.flatMap { Setting.all(of: $0.value, for: $0.name) },
                when: instance.conditions.when.map(\.description),
                except: instance.conditions.except.map(\.description)
            )
        }
    }

    func write(to writer: inout HandoffWriter) {
        writer.number(UInt32(levels.count))
        for level in levels {
            writer.texts([level.name, level.path, level.label, level.uuid, level.provider])
            writer.number(UInt32(level.settings.count))
            for setting in level.settings {
                writer.text(setting.key)
                writer.number(UInt8(setting.isSecret ? 1 : 0))
                writer.data(setting.bytes)
            }
            writer.texts(level.when)
            writer.texts(level.except)
        }
    }

    init(_ reader: inout HandoffReader) throws(LaminaError) {
        levels = []
        for _ in 0..<(try reader.count(ofAtLeast: 36)) {
            let texts = try reader.texts()
            guard texts.count == 5 else { throw reader.error("has a level of \(texts.count) texts") }
            var settings: [Setting] = []
            for _ in 0..<(try reader.count(ofAtLeast: 9)) {
                let key = try reader.text()
                settings.append(Setting(key: key, isSecret: try reader.flag(), bytes: try reader.data()))
            }
            levels.append(
                Level(
                    name: texts[0],
                    path: texts[1],
                    label: texts[2],
                    uuid: texts[3],
                    provider: texts[4],
                    settings: settings,
                    when: try reader.texts(),
                    except: try reader.texts()
                )
            )
        }
        guard (1...61).contains(levels.count) else { throw reader.error("has a chain of \(levels.count) levels") }
    }
}

extension ChainDescription.Setting {
    fileprivate static func all(of value: SettingValue, for key: String) -> [Self] {
        switch value {
        case .list(let values): values.flatMap { all(of: $0, for: key) }
        case .secret(let secret): [Self(key: key, isSecret: true, bytes: secret.bytes)]
        case .text(let text), .choice(let text), .path(let text):
            [Self(key: key, isSecret: false, bytes: Array(text.utf8))]
        case .bool, .integer, .size, .rate, .duration:
            [Self(key: key, isSecret: false, bytes: Array(value.description.utf8))]
        }
    }

    fileprivate var written: WrittenValue {
        isSecret ? .secret(Secret(bytes)) : .quoted(String(decoding: bytes, as: UTF8.self))
    }
}

// MARK: - In the target

extension ChainDescription {
    /// The chain, made anew, or one that was made of the same description and providers and is still in use. Blocks for
    /// files, and runs the libraries' start-up code.
    func chain(catalog: Catalog, engine: Engine) throws(LaminaError) -> Chain {
        var parts: [(layer: LayerSpecification, provider: Provider)] = []
        for level in levels { parts.append((try level.specification(), try level.provider(in: catalog))) }
        let description = HandoffMessage.chain(self).bytes
        let key = ChainKey(
            digest: SHA256.hexadecimal(of: description),
            providers: parts.map { ObjectIdentifier($0.provider) },
            engine: ObjectIdentifier(engine)
        )
        if let known = Self.known.withLock({ $0[key]?.chain }) { return known }
        let made = try Chain(parts, engine: engine)
        Self.known.withLock { known in
            known = known.filter { $0.value.chain != nil }
            known[key] = WeakChain(chain: made)
        }
        return made
    }

    private struct ChainKey: Hashable {
        let digest: String
        let providers: [ObjectIdentifier]
        let engine: ObjectIdentifier
    }

    private struct WeakChain {
        weak var chain: Chain?
    }

    private static let known = Locked<[ChainKey: WeakChain]>([:])
}

extension ChainDescription.Level {
    fileprivate func specification() throws(LaminaError) -> LayerSpecification {
        var layer = LayerSpecification(name: name, label: label)
        for setting in settings {
            if let index = layer.settings.firstIndex(where: { $0.key == setting.key }) {
                layer.settings[index].values.append(setting.written)
            } else {
                layer.settings.append(LayerSpecification.Setting(key: setting.key, values: [setting.written]))
            }
        }
        for text in when { layer.conditions.when.append(try Condition(parsing: text)) }
        for text in except { layer.conditions.except.append(try Condition(parsing: text)) }
        return layer
    }

    /// The provider as the target knows it; where its catalog has none of the name, from the source's path.
    fileprivate func provider(in catalog: Catalog) throws(LaminaError) -> Provider {
        let found: Provider
        do throws(LaminaError) {
            found = try catalog.provider(for: LayerSpecification(name: name))
        } catch {
            guard error.code == .notFound, !name.contains("/"), path.hasPrefix("/") else { throw error }
            found = try Library.load(path).provider(named: provider)
        }
        guard found.name == provider, found.manifest.uuid.lowercased() == uuid.lowercased() else {
            throw LaminaError(
                .incompatible,
                "layer \"\(label)\"",
                "is another provider here: \(found.path) has \(found.name) \(found.manifest.uuid)",
                remedy: "install the source's",
                level: label
            )
        }
        return found
    }
}
