import CLamina
import Glibc
import LaminaProvider

typealias Slot = UnsafeMutablePointer<lamina_slot>
typealias Request = UnsafeMutablePointer<lamina_request>

/// One level: what its settings and files say about destinations.
final class RedirectLevel {
    private let rules: LineSources<RuleList>

    private init(_ rules: LineSources<RuleList>) { self.rules = rules }

    static func instantiate(
        _ arguments: UnsafePointer<lamina_instance_arguments>,
        _ made: UnsafeMutablePointer<lamina_instance>
    ) -> lamina_status {
        let rules: LineSources<RuleList>
        do throws(LineProblem) {
            rules = try LineSources(list: "rule", file: "file", arguments) { rules, text in
                rules.add(rule: text).map { "rule: \"\(text)\": \($0)" }
            }
        } catch {
            return InstanceSettings(arguments).refuse(-EINVAL, error.text)
        }
        made.pointee.effect = UInt32(LAMINA_EFFECT_NONE)
        made.pointee.table = Calls.table
        made.pointee.context = Unmanaged.passRetained(RedirectLevel(rules)).toOpaque()
        return 0
    }

    static func destroy(_ context: UnsafeMutableRawPointer?) {
        guard let context else { return }
        Unmanaged<RedirectLevel>.fromOpaque(context).release()
    }

    /// The entry `connect`.
    static func connect(
        _ slot: Slot,
        _ address: UnsafePointer<lamina_address>,
        _ flags: UInt32,
        _ request: Request
    ) -> lamina_status {
        guard let context = lamina_instance_context(slot),
            let destination = Destination(address, asked: slot.pointee.column.pointee.origin?.pointee.name)
        else { return lamina_connect(slot, address, flags, request) }
        let level = Unmanaged<RedirectLevel>.fromOpaque(context).takeUnretainedValue()
        switch level.rules.first({ $0.first(for: destination) })?.action {
        case nil: return lamina_connect(slot, address, flags, request)
        case .refuse: return lamina_complete(slot, request, -ECONNREFUSED, 0)
        case .connect(let targets):
            let asked = address.pointee
            let addresses = targets.map { $0.address(insteadOf: asked, port: destination.port) }
            return ConnectInTurn.connect(addresses, slot, flags, request)
        }
    }
}
