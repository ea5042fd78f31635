import CLamina
import CLinux
import Glibc
import Lamina

/// Settings that may change while sockets are open.
enum SettingChecks {
    static func live(_ subject: Subject) throws {
        let live = subject.provider.manifest.settings.filter(\.isLive)
        guard !live.isEmpty else { throw NotApplicable("it declares no live setting") }
        try subject.inItsPlace { rig in
            for setting in live { try check(setting, rig) }
        }
    }

    private static func check(_ setting: SettingDeclaration, _ rig: Rig) throws {
        let instance = rig.chain.instances[0]
        guard instance.table?.pointee.configure != nil else {
            throw Finding(
                "configure",
                "\(rig.place): the setting \(setting.name) is declared as live, and the table has no configure",
                "fill configure, or declare the setting without LAMINA_SETTING_LIVE"
            )
        }
        let traffic = Traffic(rig)
        defer { traffic.stop() }
        // Its own default and choices it must take; a number or text that the kit thought of it may refuse.
        let own = setting.default.map { [$0] } ?? []
        let choices = setting.type == .bool ? ["yes", "no"] : setting.choices
        for value in own + choices {
            if let reason = refusal(of: value, for: setting, by: instance) {
                throw Finding(
                    "configure",
                    "\(rig.place): the setting \(setting.name) refused \(value), which its declaration has: \(reason)",
                    "take every value that the declaration names"
                )
            }
        }
        for value in invented(setting) {
            guard let reason = refusal(of: value, for: setting, by: instance), reason.hasPrefix(nameless) else {
                continue
            }
            throw Finding(
                "configure",
                "\(rig.place): the setting \(setting.name) refused \(value) and gave no reason",
                "write one line into reason that says why"
            )
        }
        if let value = own.first { _ = refusal(of: value, for: setting, by: instance) }
    }

    /// What the framework says where the provider gave no reason.
    private static let nameless = "was refused: "

    private static func refusal(of value: String, for setting: SettingDeclaration, by instance: Instance) -> String? {
        Report.tell("configure")
        do throws(LaminaError) {
            try instance.configure(setting.name, to: "\"\(value)\"")
            return nil
        } catch {
            return error.cause
        }
    }

    private static func invented(_ setting: SettingDeclaration) -> [String] {
        switch setting.type {
        case .bool, .choice: []
        case .integer: ["0", "1", "1000"]
        case .size: ["0", "1", "64k"]
        case .rate: ["1", "1mbit"]
        case .duration: ["0s", "1ms", "1s"]
        case .text: ["", "text"]
        case .path: ["/dev/null"]
        case .secret: ["secret"]
        }
    }

    /// Sends on a thread of its own while settings change.
    private final class Traffic: @unchecked Sendable {
        // Set up by one thread, then the worker's; the flag is atomic.
        private var isOver: UInt32 = 0
        private var worker: Worker?
        private let rig: Rig
        private var socket: lamina_socket?

        init(_ rig: Rig) {
            self.rig = rig
            socket = rig.stage == nil ? nil : try? rig.ready(rig.subject.has(.connection) ? .connection : .datagram)
            let entry = rig.subject.has(.connection) ? LAMINA_ENTRY_SEND : LAMINA_ENTRY_SEND_TO
            guard let socket else { return }
            worker = Worker { [self] in
                while clinux_load_u32(&isOver) == 0 {
                    let ask = Ask(entry)
                    let call = Call(ask.name)
                    call.make { ask.issue(socket, $0) }
                    guard call.end() != nil else { return }
                }
            }
        }

        func stop() {
            clinux_store_u32(&isOver, 1)
            worker?.join()
            if let socket { rig.close(socket) }
        }
    }
}
