import CLaminaRun
import Lamina

/// The rules in the form in which the preload object gets them: what it can decide by an address and a port. See
/// `lamina_run.h`.
extension Coverage {
    /// The rules as hexadecimal digits.
    var digits: String {
        var text = ""
        for network in always {
            var condition = Condition()
            condition.network = network
            text += Self.digits(condition, LAMINA_RUN_RULE_ALWAYS)
        }
        for condition in bypass { text += Self.digits(condition, LAMINA_RUN_RULE_BYPASS) }
        for condition in only { text += Self.digits(condition, 0) }
        for condition in asked ?? [] { text += Self.digits(condition, LAMINA_RUN_RULE_ASKED) }
        return text
    }

    private static func digits(_ condition: Condition, _ kind: Int) -> String {
        var flags = kind
        if condition.name != nil { flags |= LAMINA_RUN_RULE_NAMED }
        if condition.direction != .in { flags |= LAMINA_RUN_RULE_OUT }
        if condition.direction != .out { flags |= LAMINA_RUN_RULE_IN }
        var bytes = [UInt8](repeating: 0, count: 16)
        var prefix = 0
        if let network = condition.network {
            prefix = network.prefix
            if network.address.family == .ipv4 {
                prefix += 96
                bytes.replaceSubrange(10..., with: [0xff, 0xff] + network.address.bytes)
            } else {
                flags |= LAMINA_RUN_RULE_IPV6
                bytes = network.address.bytes
            }
        }
        let ports = condition.ports ?? 0...UInt16.max
        let words = [ports.lowerBound, ports.upperBound].flatMap { [UInt8($0 >> 8), UInt8($0 & 0xff)] }
        return ([UInt8(flags), UInt8(prefix)] + words + bytes).map(hexadecimal).joined()
    }

    private static func hexadecimal(_ byte: UInt8) -> String {
        let text = String(byte, radix: 16)
        return byte < 16 ? "0" + text : text
    }
}
