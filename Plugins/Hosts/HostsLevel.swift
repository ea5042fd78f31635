import CLamina
import Glibc
import LaminaProvider

typealias Slot = UnsafeMutablePointer<lamina_slot>
typealias Request = UnsafeMutablePointer<lamina_request>

/// One level: what its settings and files say about names.
final class HostsLevel {
    private let tables: LineSources<HostTable>

    private init(_ tables: LineSources<HostTable>) { self.tables = tables }

    static func instantiate(
        _ arguments: UnsafePointer<lamina_instance_arguments>,
        _ made: UnsafeMutablePointer<lamina_instance>
    ) -> lamina_status {
        let tables: LineSources<HostTable>
        do throws(LineProblem) {
            tables = try LineSources(list: "map", file: "file", arguments) { table, text in
                table.add(map: text).map { "map: \"\(text)\" \($0)" }
            }
        } catch {
            return InstanceSettings(arguments).refuse(-EINVAL, error.text)
        }
        made.pointee.effect = UInt32(LAMINA_EFFECT_NONE)
        made.pointee.table = Calls.table
        made.pointee.context = Unmanaged.passRetained(HostsLevel(tables)).toOpaque()
        return 0
    }

    static func destroy(_ context: UnsafeMutableRawPointer?) {
        guard let context else { return }
        Unmanaged<HostsLevel>.fromOpaque(context).release()
    }

    /// The level of a slot, of a socket's or the chain's own.
    static func of(_ slot: Slot) -> HostsLevel? {
        lamina_instance_context(slot).map { Unmanaged<HostsLevel>.fromOpaque($0).takeUnretainedValue() }
    }

    /// How many names may lead from one to the next.
    private static let mostAliases = 8

    /// What comes of a name.
    enum Answer {
        /// Its addresses, and its name in full.
        case addresses([lamina_address], String)
        /// The levels below are asked, by this name.
        case goesOn(String)
        case status(lamina_status)
    }

    /// What is said about a name. Nil: nothing, or that the levels below answer it.
    func answer(_ text: String) -> Answer? {
        guard let asked = ComparedName.of(text) else { return nil }
        var name = asked
        for _ in 0...Self.mostAliases {
            guard let entry = tables.first({ $0.find(name) }) else { return name == asked ? nil : .goesOn(name) }
            switch entry.rule {
            case .pass: return name == asked ? nil : .goesOn(name)
            case .refuse: return .status(-ENOENT)
            case .addresses(let addresses):
                return .addresses(addresses, entry.canonical.isEmpty ? name : entry.canonical)
            case .alias(let other): name = other
            }
        }
        return .status(-ELOOP)
    }

    /// The name of an address that a name was given; nil for none.
    func name(of address: lamina_address) -> String? {
        guard let key = NumericAddress.key(address) else { return nil }
        return tables.first { $0.name(of: key) }
    }
}
