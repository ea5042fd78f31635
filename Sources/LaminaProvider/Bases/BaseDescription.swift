import CLamina
import Glibc

/// What a plug-in says about one of its bases (`lamina_provider`): made once, from literals. The framework checks it when it
/// loads the file.
public struct BaseDescription: Sendable {
    /// A family of addresses.
    public enum Family: Sendable {
        /// AF_INET.
        case ipv4
        /// AF_INET6.
        case ipv6
        /// AF_UNIX.
        case unix

        var number: Int32 {
            switch self {
            case .ipv4: AF_INET
            case .ipv6: AF_INET6
            case .unix: AF_UNIX
            }
        }
    }

    let name: StaticString
    let summary: StaticString
    let version: StaticString
    let uuid: StaticString?
    let families: [Family]
    let longestDatagram: Int
    let settings: [any DeclaredSetting]

    /// Describes a base. Allocates nothing beside its lists; never fails.
    ///
    /// - Parameters:
    ///   - name: What chains and catalogs call it.
    ///   - summary: One line for lists.
    ///   - version: Its version, for lists.
    ///   - uuid: Its identity for good (ProviderId), as UUID text; nil for a base that nobody installs.
    ///   - families: Whose addresses its sockets have, in the order in which a selection tries them (WSAPROTOCOL_INFO).
    ///   - longestDatagram: The most bytes of a datagram, where it has any (dwMessageSize): longer ones fail with EMSGSIZE.
    ///   - settings: What its user may set.
    public init(
        _ name: StaticString,
        summary: StaticString = "",
        version: StaticString = "1.0",
        uuid: StaticString? = nil,
        families: [Family] = [.ipv4, .ipv6],
        longestDatagram: Int = 65_507,
        settings: [any DeclaredSetting] = []
    ) {
        self.name = name
        self.summary = summary
        self.version = version
        self.uuid = uuid
        self.families = families
        self.longestDatagram = min(max(longestDatagram, 0), 1 << 24)
        self.settings = settings
    }
}

/// Offers bases to the framework, as `offer(_:)` does layers: a library may do both.
public func offer(_ bases: any Base.Type...) {
    for base in bases {
        let own = Immortal.copy(BaseType(base))
        Plugin.add(
            Plugin.Offered(describe: { own.pointee.described($0) }) { BaseType.instantiate(own, $0, $1) }
        )
    }
}

extension BaseType {
    /// The base's descriptor.
    fileprivate func described(_ instantiate: ProviderDescription.Instantiate) -> ProviderDescription {
        let about = type.about
        return ProviderDescription(
            about.name,
            LAMINA_BASE_PROVIDER,
            version: about.version,
            summary: about.summary,
            uuid: about.uuid,
            effect: LAMINA_EFFECT_TRANSFORM,
            handoff: LAMINA_HANDOFF_NONE,
            categories: categories,
            settings: about.settings.map { $0.declaration.described($0.name) },
            protocols: about.families.flatMap { family in
                (own.hasStreams ? [BaseProtocols.stream(family.number, 0)] : [])
                    + (own.hasDatagrams ? [BaseProtocols.datagram(family.number, 0, longest: longestDatagram)] : [])
            },
            instantiate: instantiate,
            destroy: LevelInstance.destroy,
            rules: type is any HasRules.Type ? LevelInstance.rules : nil
        )
    }

    private var categories: Int {
        let streams = own.listens == nil ? LAMINA_CONNECTION : LAMINA_CONNECTION | LAMINA_STREAM | LAMINA_LISTEN
        return (own.hasStreams ? streams : 0) | (own.hasDatagrams ? LAMINA_DATAGRAM : 0)
    }
}
