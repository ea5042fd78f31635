// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CLamina
import Glibc
import Lamina
import Synchronization

/// A catalog, and its entries as C sees them once somebody has looked.
final class ShownCatalog: Sendable {
    let catalog: Catalog
    private let shown = Mutex<[Handle<CatalogEntry>]?>(nil)

    init(_ catalog: Catalog) {
        self.catalog = catalog
    }

    func entry(_ index: Int) -> Handle<CatalogEntry>? {
        shown.withLock { shown in
            let entries = shown ?? catalog.verified().map(Self.handle)
            shown = entries
            return entries.indices.contains(index) ? entries[index] : nil
        }
    }

    /// The texts in the order of `write`; those that may be missing last.
    private static func handle(_ entry: CatalogEntry) -> Handle<CatalogEntry> {
        let texts = [entry.name, entry.manifest?.summary ?? "", entry.manifest?.version ?? ""]
        return Handle(entry, texts: texts + [entry.library ?? "", entry.reason ?? ""])
    }

    static func write(_ shown: Handle<CatalogEntry>, to room: UnsafeMutablePointer<lamina_catalog_entry>) {
        let entry = shown.object
        var answer = lamina_catalog_entry()
        answer.size = room.pointee.size
        answer.kind = entry.manifest?.kind.c ?? 0
        answer.effect = UInt32(entry.manifest?.effect.c ?? 0)
        answer.available = entry.isAvailable ? 1 : 0
        answer.name = shown.text(0)
        answer.summary = shown.text(1)
        answer.version = shown.text(2)
        answer.library = entry.library == nil ? nil : shown.text(3)
        answer.reason = entry.reason == nil ? nil : shown.text(4)
        room.write(answer, room.pointee.size, first: 56)
    }
}

/// Reads the directories given, or the standard ones.
@c @implementation
public func lamina_catalog_open(
    _ directories: UnsafePointer<UnsafePointer<CChar>?>?,
    _ count: Int,
    _ catalog: UnsafeMutablePointer<OpaquePointer?>?,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> lamina_status {
    answer(error) { () throws(LaminaError) in
        let room = try given(catalog, "catalog")
        let paths = try directories.map { directories throws(LaminaError) in
            try texts(directories, count, "directories")
        }
        let read = paths.map { Catalog(directories: $0.map { CatalogDirectory($0) }) } ?? Catalog()
        room.pointee = Handle(ShownCatalog(read)).give()
        return 0
    }
}

/// Frees a catalog.
@c @implementation
public func lamina_catalog_close(_ catalog: OpaquePointer?) {
    Handle<ShownCatalog>.take(catalog)
}

/// How many entries there are.
@c @implementation
public func lamina_catalog_count(_ catalog: OpaquePointer?) -> Int {
    catalog.map { Handle<ShownCatalog>.of($0).object.catalog.entries.count } ?? 0
}

/// Writes one entry.
@c @implementation
public func lamina_catalog_entry_at(
    _ catalog: OpaquePointer?,
    _ index: Int,
    _ entry: UnsafeMutablePointer<lamina_catalog_entry>?
) -> lamina_status {
    answer { () throws(LaminaError) in
        let catalog = Handle<ShownCatalog>.of(try given(catalog, "catalog")).object
        let room = try given(entry, "entry")
        guard let shown = catalog.entry(index) else {
            throw LaminaError(.notFound, "entry \(index)", "is beyond the last one", errno: ERANGE)
        }
        ShownCatalog.write(shown, to: room)
        return 0
    }
}

/// The texts of an array; none may be null.
func texts(
    _ array: UnsafePointer<UnsafePointer<CChar>?>?,
    _ count: Int,
    _ name: StaticString
) throws(LaminaError) -> [String] {
    guard count > 0 else { return [] }
    let array = try given(array, name)
    var texts: [String] = []
    for index in 0..<count { texts.append(try text(array[index], name)) }
    return texts
}

extension ProviderKind {
    /// `LAMINA_…_PROVIDER`.
    var c: UInt32 {
        switch self {
        case .base: UInt32(LAMINA_BASE_PROVIDER)
        case .layered: UInt32(LAMINA_LAYERED_PROVIDER)
        case .terminating: UInt32(LAMINA_TERMINATING_PROVIDER)
        }
    }
}

extension Effect {
    /// `LAMINA_EFFECT_…`.
    var c: Int32 {
        switch self {
        case .none: Int32(LAMINA_EFFECT_NONE)
        case .observe: Int32(LAMINA_EFFECT_OBSERVE)
        case .transform: Int32(LAMINA_EFFECT_TRANSFORM)
        }
    }
}

/// Waits until a catalog's directories say something else.
@c @implementation
public func lamina_wait_catalog_change(
    _ catalog: OpaquePointer?,
    _ deadline: Int64,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> lamina_status {
    answer(error) { () throws(LaminaError) in
        _ = try Handle<ShownCatalog>.of(try given(catalog, "catalog")).object.catalog.changed(deadline: deadline)
        return 0
    }
}
