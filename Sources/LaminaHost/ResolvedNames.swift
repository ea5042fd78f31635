import CLamina
import CLaminaRun
import Glibc

/// The names that a program has asked for, by the addresses that it got, so that a connect knows its name.
struct ResolvedNames {
    private struct Key: Hashable {
        let process: pid_t
        let address: [UInt8]
    }

    private var names: [Key: String] = [:]
    private var order = RecentKeys<Key>(capacity: 4096)

    /// Remembers that `address` was an answer to `name`.
    mutating func note(_ name: String, for address: Endpoint, process: pid_t) {
        // A child connects to what its parent has looked up.
        for key in [key(address, process), key(address, 0)] where names.updateValue(name, forKey: key) == nil {
            for old in order.note(key) { names[old] = nil }
        }
    }

    /// The name that this process got `address` for, else the last that any process of the run did.
    func name(for address: Endpoint, process: pid_t) -> String? {
        names[key(address, process)] ?? names[key(address, 0)]
    }

    private func key(_ address: Endpoint, _ process: pid_t) -> Key {
        Key(process: process, address: address.hostBytes ?? [])
    }
}
