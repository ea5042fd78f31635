import CLamina
import Glibc
import LaminaProvider

typealias Slot = UnsafeMutablePointer<lamina_slot>
typealias Request = UnsafeMutablePointer<lamina_request>

/// One level: what its settings and files say about names.
final class HostsLevel {
    private let map: HostTable
    private let slot: Slot
    private let upcalls: UnsafePointer<lamina_upcalls>
    // Guarded by the lock.
    private var files: [HostFile]

    /// One for all levels: look-ups are seldom.
    private static let lock = PluginLock {}

    private init(_ map: HostTable, _ files: [HostFile], _ arguments: lamina_instance_arguments) {
        self.map = map
        self.files = files
        slot = arguments.slot
        upcalls = arguments.upcalls
    }

    static func instantiate(
        _ arguments: UnsafePointer<lamina_instance_arguments>,
        _ made: UnsafeMutablePointer<lamina_instance>
    ) -> lamina_status {
        let settings = InstanceSettings(arguments)
        var map = HostTable()
        var files: [HostFile] = []
        var problem: String?
        settings.forEach("map") { setting in
            guard problem == nil, let text = setting.text.map({ String(cString: $0) }) else { return }
            problem = map.add(map: text).map { "map: \"\(text)\" \($0)" }
        }
        settings.forEach("file") { setting in
            guard problem == nil, let path = setting.text.map({ String(cString: $0) }) else { return }
            do throws(HostFile.Problem) {
                files.append(try HostFile(path))
            } catch {
                problem = error.text
            }
        }
        if let problem { return settings.refuse(-EINVAL) { line in problem.withCString { line.append(cString: $0) } } }
        made.pointee.effect = UInt32(LAMINA_EFFECT_NONE)
        made.pointee.table = Calls.table
        made.pointee.context = Unmanaged.passRetained(HostsLevel(map, files, arguments.pointee)).toOpaque()
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
        guard let asked = HostName.compared(text) else { return nil }
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
        return inFiles { $0.find(name) }
    }

    /// The name of an address that a name was given; nil for none.
    func name(of address: lamina_address) -> String? {
        guard let key = HostAddress.key(address) else { return nil }
        return map.name(of: key) ?? inFiles { $0.name(of: key) }
    }

    /// The first answer of a file. Files that have changed are read again, which blocks for them.
    private func inFiles<Result>(_ body: (HostTable) -> Result?) -> Result? {
        var problems: [String] = []
        let result = Self.lock.locked { () -> Result? in
            for index in files.indices {
                do throws(HostFile.Problem) {
                    try files[index].refresh()
                } catch {
                    problems.append(error.text)
                }
                if let result = body(files[index].table) { return result }
            }
            return nil
        }
        for problem in problems { warn("\(problem); what it said before still holds") }
        return result
    }

    private func warn(_ text: String) {
        text.withCString { upcalls.pointee.log(slot, UInt32(LAMINA_LOG_WARNING), $0, strlen($0)) }
    }
}
