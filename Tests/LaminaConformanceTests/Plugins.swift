import Lamina
import LaminaConformance
import TestSupport

/// Plug-ins that the tests check, and the command that checks them.
enum Plugins {
    /// The command that was built with the tests, as the helper of a check.
    static let helper = ["\(PackageTree.products)/lamina", "--check-rule"]

    /// The bases that were built with the tests.
    static let bases = ["memory", "kernel"].map { name in
        Conformance.Base(name: name, library: product(name.prefix(1).uppercased() + name.dropFirst()))
    }

    /// A plug-in of the project, by its module's name.
    static func product(_ name: String) -> String { "\(PackageTree.products)/libLamina\(name).so" }

    /// What a fixture is compiled as.
    enum Kind: String, Sendable {
        case layer, base, terminating

        fileprivate var options: [String] {
            switch self {
            case .layer: []
            case .base: ["-DBROKEN_BASE", "-DSOUND_BASE=\"\(Plugins.product("Memory"))\""]
            case .terminating: ["-DBROKEN_TERMINATING"]
            }
        }
    }

    /// The check of a plug-in that breaks a rule.
    static func broken(_ name: String, as kind: Kind = .layer, rules: [Rule] = Rule.all) throws -> Conformance {
        let library = try CPlugin.build("LaminaConformanceTests/Fixtures/\(name)", options: kind.options)
        return Conformance(file: library, rules: rules, bases: bases)
    }
}
