import CLamina
import Glibc
import LaminaProvider

typealias Slot = UnsafeMutablePointer<lamina_slot>
typealias Request = UnsafeMutablePointer<lamina_request>

/// One level: what its settings and files say about names.
final class HostsLevel {
    private let map: HostTable
    private let files: LineFiles<HostTable>

    private init(_ map: HostTable, _ files: LineFiles<HostTable>) {
        self.map = map
        self.files = files
    }

    static func instantiate(
        _ arguments: UnsafePointer<lamina_instance_arguments>,
        _ made: UnsafeMutablePointer<lamina_instance>
    ) -> lamina_status {
        let settings = InstanceSettings(arguments)
        var map = HostTable()
        for text in settings.texts("map") {
            if let problem = map.add(map: text) { return settings.refuse(-EINVAL, "map: \"\(text)\" \(problem)") }
        }
        let files: LineFiles<HostTable>
        do throws(LineFileProblem) {
            files = try LineFiles(settings.texts("file"), arguments)
        } catch {
            return settings.refuse(-EINVAL, error.text)
        }
        made.pointee.effect = UInt32(LAMINA_EFFECT_NONE)
        made.pointee.table = Calls.table
        made.pointee.context = Unmanaged.passRetained(HostsLevel(map, files)).toOpaque()
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
            guard let entry = find(name) else { return name == asked ? nil : .goesOn(name) }
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

    private func find(_ name: String) -> HostTable.Entry? {
        if let entry = map.find(name) { return entry }
        return files.first { $0.find(name) }
    }

    /// The name of an address that a name was given; nil for none.
    func name(of address: lamina_address) -> String? {
        guard let key = NumericAddress.key(address) else { return nil }
        return map.name(of: key) ?? files.first { $0.name(of: key) }
    }
}
