import Glibc
import Lamina
import TestSupport
import Testing

/// Damaged input, made from sound input by the same numbers in every run.
struct Damage {
    var state: UInt64

    mutating func next(below limit: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % limit
    }

    /// A copy with up to four bytes changed, removed or doubled, or the end cut off.
    mutating func damage(_ bytes: [UInt8], within limit: Int = .max) -> [UInt8] {
        var bytes = bytes
        for _ in 0...next(below: 4) where !bytes.isEmpty {
            let place = next(below: min(bytes.count, limit))
            switch next(below: 8) {
            case 0: bytes.remove(at: place)
            case 1: bytes.insert(bytes[place], at: place)
            case 2: bytes.removeSubrange(place...)
            case 3: bytes[place] = 0xFF
            case 4: bytes[place] = 0
            default: bytes[place] = UInt8(next(below: 256))
            }
        }
        return bytes
    }
}

@Suite("Damaged input")
struct CatalogDamageTests {
    @Test("A damaged manifest is read or refused with one line")
    func manifests() throws {
        var manifest = Manifest(name: "a", library: "a.so", kind: .base, effect: .transform)
        manifest.settings = [
            SettingDeclaration(name: "rate", type: .rate, default: "1mbit", help: "é", isList: true)
        ]
        manifest.protocols = [ProtocolEntry(family: AF_INET, type: 1, protocol: 6)]
        manifest.identity = FileIdentity(device: 1, inode: 2, size: 3, modified: 4)
        let sound = Array(manifest.json.text(pretty: true).utf8)
        var damage = Damage(state: 1)
        var refused = 0
        for _ in 0..<5000 {
            do throws(LaminaError) {
                _ = try Manifest(parsing: damage.damage(sound), file: "a.json")
            } catch {
                refused += 1
                #expect(!error.description.contains("\n"))
            }
        }
        #expect((2500..<5000).contains(refused))
    }

    @Test("A damaged layer text is read or refused")
    func layers() {
        let sound = Array(
            "shape=slow:rate=2.5mbit,to=\"a,\\\"b\",ports=[80,[1]],when=[port=1-2,name=*.x,net=::/0]".utf8
        )
        var damage = Damage(state: 2)
        var refused = 0
        for _ in 0..<5000 {
            let text = String(decoding: damage.damage(sound), as: UTF8.self)
            if (try? LayerSpecification(parsing: text)) == nil { refused += 1 }
        }
        #expect((500..<5000).contains(refused))
    }

    @Test("A damaged library is examined without harm")
    func libraries() throws {
        let directory = try TemporaryDirectory()
        let sound = try readAll(try directory.plugin())
        try directory.manifest("a", ["library": "../damaged.so"])
        let catalog = directory.catalog()
        var damage = Damage(state: 3)
        var refused = 0
        for round in 0..<1500 {
            // Headers, hash tables and symbols stand at the beginning, the dynamic section near the end.
            let bytes = damage.damage(sound, within: round % 2 == 0 ? 1500 : .max)
            try directory.write(bytes, to: "damaged.so")
            if try !catalog.entry(named: "a").isAvailable { refused += 1 }
        }
        #expect((300..<1500).contains(refused))
    }
}
