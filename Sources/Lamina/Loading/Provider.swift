import CLamina
import Glibc

/// One provider of a loaded library, or of the program itself: its descriptor, checked (WSAPROTOCOL_INFO and WSPStartup's
/// part of a catalog entry).
public final class Provider: @unchecked Sendable {
    // The descriptor is constant and stays mapped for good.
    let descriptor: UnsafePointer<lamina_provider>
    let image: PluginImage

    /// What the provider says about itself, as a manifest without entries, pin and path.
    public let manifest: Manifest

    /// The name by which a chain asks for it.
    public var name: String { manifest.name }

    /// The file that it comes from; a built-in one's name for itself.
    public var path: String { image.path }

    /// Checks a descriptor: its size, that each text is there and one line, that numbers have a meaning, and that its
    /// functions lie in the plug-in's own code.
    init(
        _ descriptor: UnsafePointer<lamina_provider>,
        in image: PluginImage,
        at index: Int
    ) throws(LaminaError) {
        let descriptor = try Self.widened(descriptor, in: image, at: index)
        self.descriptor = descriptor
        self.image = image
        manifest = try Self.read(descriptor, in: image, at: index)
    }

    /// The descriptor in this Lamina's size, for good: of a plug-in that was made for a smaller one, a copy in which the rest
    /// is empty.
    private static func widened(
        _ descriptor: UnsafePointer<lamina_provider>,
        in image: PluginImage,
        at index: Int
    ) throws(LaminaError) -> UnsafePointer<lamina_provider> {
        let size = Int(UnsafeRawPointer(descriptor).load(as: UInt32.self))
        let full = MemoryLayout<lamina_provider>.size
        let least = MemoryLayout<lamina_provider>.offset(of: \.rules) ?? full
        guard size >= least else {
            throw DescriptorReader(descriptor, image: image, index: index).error(
                "descriptor",
                "has \(size) bytes, fewer than the \(least) of version 1",
                remedy: "set size to sizeof(lamina_provider)"
            )
        }
        guard size < full else { return descriptor }
        let copy = UnsafeMutablePointer<lamina_provider>.allocate(capacity: 1)
        memset(copy, 0, full)
        memcpy(copy, descriptor, size)
        return UnsafePointer(copy)
    }

    private static func read(
        _ descriptor: UnsafePointer<lamina_provider>,
        in image: PluginImage,
        at index: Int
    ) throws(LaminaError) -> Manifest {
        var reader = DescriptorReader(descriptor, image: image, index: index)
        let provider = descriptor.pointee
        let name = try reader.name(try reader.text(\.name, "name"), "name")
        reader.subject = "\(image.path): provider \"\(name)\""
        var manifest = Manifest(
            name: name,
            library: image.path,
            kind: try reader.choice(provider.kind, "kind", ProviderKind.init(number:)),
            effect: try reader.choice(provider.effect, "effect", Effect.init(number:))
        )
        manifest.version = try reader.text(\.version, "version") ?? ""
        manifest.summary = try reader.text(\.summary, "summary") ?? ""
        manifest.uuid = try reader.text(\.uuid, "uuid") ?? ""
        manifest.handoff = try reader.choice(provider.handoff, "handoff", Handoff.init(number:))
        manifest.phase = try reader.choice(provider.phase, "phase", Phase.init(number:))
        manifest.categories = SocketCategories(rawValue: provider.categories)
        guard !manifest.categories.isEmpty, SocketCategories.all.isSuperset(of: manifest.categories) else {
            throw reader.error("categories", "0x\(String(provider.categories, radix: 16)) is no set of categories")
        }
        let flags = Int(provider.flags)
        manifest.isGeneric = flags & LAMINA_PROVIDER_GENERIC != 0
        manifest.reorders = flags & LAMINA_PROVIDER_REORDERS != 0
        manifest.handshakes = flags & LAMINA_PROVIDER_HANDSHAKES != 0
        manifest.onlyNames = flags & LAMINA_PROVIDER_ONLY_NAMES != 0
        let known =
            LAMINA_PROVIDER_GENERIC | LAMINA_PROVIDER_REORDERS | LAMINA_PROVIDER_HANDSHAKES
            | LAMINA_PROVIDER_ONLY_NAMES
        guard flags & ~known == 0 else {
            throw reader.error("flags", "0x\(String(flags, radix: 16)) has a bit that nobody knows")
        }
        manifest.settings = try reader.settings()
        manifest.protocols = try reader.protocols()
        manifest.extensions = try reader.extensions()
        manifest.hasRules = provider.rules != nil
        manifest.before = try reader.names(\.before, "before")
        manifest.after = try reader.names(\.after, "after")
        manifest.conflicts = try reader.names(\.conflicts, "conflicts")
        manifest.requires = try reader.names(\.requires_names, "requires_names")
        try reader.checkFunction(\.instantiate, "instantiate", required: true)
        try reader.checkFunction(\.destroy, "destroy", required: false)
        try reader.checkFunction(\.rules, "rules", required: false)
        return manifest
    }
}

extension ProviderKind {
    /// From `LAMINA_…_PROVIDER`; nil for any other number.
    fileprivate init?(number: UInt32) {
        switch Int(number) {
        case LAMINA_BASE_PROVIDER: self = .base
        case LAMINA_LAYERED_PROVIDER: self = .layered
        case LAMINA_TERMINATING_PROVIDER: self = .terminating
        default: return nil
        }
    }
}

extension Handoff {
    /// From `LAMINA_HANDOFF_…`; nil for any other number.
    fileprivate init?(number: UInt32) {
        switch Int(number) {
        case LAMINA_HANDOFF_SHARE: self = .share
        case LAMINA_HANDOFF_MOVE: self = .move
        case LAMINA_HANDOFF_NONE: self = .none
        default: return nil
        }
    }
}

extension Effect {
    /// From `LAMINA_EFFECT_…`; nil for any other number.
    init?(number: UInt32) {
        switch Int(number) {
        case LAMINA_EFFECT_NONE: self = .none
        case LAMINA_EFFECT_OBSERVE: self = .observe
        case LAMINA_EFFECT_TRANSFORM: self = .transform
        default: return nil
        }
    }
}
