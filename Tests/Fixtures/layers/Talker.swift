import Glibc
import LaminaProvider

/// Converses in a way that its setting names, by the rules or against them.
struct Talker: Handshakes {
    enum Way: String, CaseIterable { case drop, twice, another, late }
    static let way = Setting<Way>.choice("way", default: "drop", help: "what it does")
    static let about = LayerDescription(
        "talker",
        effect: .transform,
        categories: [.connection, .stream],
        settings: [way]
    )
    private let level: Level
    private let way: Way

    init(_ level: Level) { (self.level, way) = (level, level[Self.way]) }

    func connect(_ address: Address, flags: ConnectFlags, next: consuming Next<State>) -> Answer {
        next.converse(for: address, stepTime: .max) { [level, way] talk in
            switch way {
            case .drop: break
            case .twice:
                talk.connect(to: address) { _ in
                    talk.receive(1) { _ in }
                    talk.receive(1) { end in
                        if case .failure(let failure) = end { talk.fail(failure) }
                    }
                }
            case .another:
                talk.connect(to: .loopback(port: 1)) { end in
                    guard case .failure = end else { return talk.fail(EIO) }
                    talk.connect(to: address) { _ in talk.end() }
                }
            case .late:
                talk.connect(to: address) { _ in
                    talk.receive(1) { _ in talk.fail(EIO) }
                    do throws(Failure) { try level.after(nanoseconds: 0) { talk.fail(EPERM) } } catch {}
                }
            }
        }
    }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Talker.self) }
