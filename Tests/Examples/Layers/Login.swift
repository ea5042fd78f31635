import Glibc
import LaminaProvider

/// Says a word before a connection is the program's, which it is once the peer has answered "+".
struct Login: Handshakes {
    static let word = Setting.secret("word", required: true, help: "what is said")
    static let about = LayerDescription(
        "login",
        effect: .transform,
        categories: [.connection, .stream],
        settings: [word]
    )
    private let word: [UInt8]
    init(_ level: Level) { word = Array(level[Self.word].utf8) }

    func connect(_ address: Address, flags: ConnectFlags, next: consuming Next<State>) -> Answer {
        next.converse(for: address, stepTime: 5_000_000_000) { [word] peer in
            peer.connect(to: address) { end in
                if case .failure(let failure) = end { return peer.fail(failure) }
                peer.send(word) { _ in
                    peer.receive(1) { answer in
                        guard case .success([UInt8(ascii: "+")]) = answer else { return peer.fail(EACCES) }
                        peer.end()
                    }
                }
            }
        }
    }
}

/// What the library offers.
@c(lamina_plugin)
public func plugin() { offer(Login.self) }
