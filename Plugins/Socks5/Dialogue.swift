import Glibc
import LaminaProvider

/// What is said to a server, and what its answers lead to.
struct Dialogue: Sendable {
    private let conversation: Conversation
    private let server: ProxyServer
    /// The request for the destination.
    private let request: [UInt8]

    init(_ conversation: Conversation, _ server: ProxyServer, _ request: [UInt8]) {
        self.conversation = conversation
        self.server = server
        self.request = request
    }

    func begin() {
        conversation.connect(to: server.address) { end in
            switch end {
            case .success: say(Messages.greeting(server.credentials)) { hear(2, then: method) }
            case .failure(let failure): conversation.fail(failure)
            }
        }
    }

    private func method(_ answer: [UInt8]) {
        guard answer[0] == Messages.version else { return refused(EPROTO, "doesn't speak SOCKS5") }
        switch (answer[1], server.credentials) {
        case (Messages.noLogin, _): ask()
        case (Messages.byPassword, let credentials?): say(Messages.login(credentials)) { hear(2, then: verdict) }
        case (Messages.byPassword, nil), (_, nil): refused(EACCES, "wants a login; give user and password")
        default: refused(EACCES, "takes no login by password")
        }
    }

    private func verdict(_ answer: [UInt8]) {
        guard answer[1] == 0 else { return refused(EACCES, "refuses the user or the password") }
        ask()
    }

    private func ask() { say(request) { hear(5, then: reply) } }

    /// The first bytes of a reply, which say how many follow.
    private func reply(_ head: [UInt8]) {
        guard head[0] == Messages.version else { return refused(EPROTO, "doesn't speak SOCKS5") }
        if let refusal = Messages.refusal(head[1]) {
            guard let remark = refusal.remark else { return conversation.fail(refusal.errno) }
            return refused(refusal.errno, remark)
        }
        guard let rest = SocksAddress.rest(ofType: head[3], first: head[4]) else {
            return refused(EPROTO, "answers with an unknown type of address")
        }
        hear(rest) { _ in conversation.end() }
    }

    // MARK: - Steps

    private func say(_ message: [UInt8], then: @escaping @Sendable () -> Void) {
        conversation.send(message) { end in
            switch end {
            case .success: then()
            case .failure(let failure): failed(failure)
            }
        }
    }

    private func hear(_ count: Int, then: @escaping @Sendable ([UInt8]) -> Void) {
        conversation.receive(count) { end in
            switch end {
            case .success(let bytes) where bytes.count == count: then(bytes)
            case .success: refused(ECONNRESET, "closed the connection")
            case .failure(let failure): failed(failure)
            }
        }
    }

    private func failed(_ failure: Failure) {
        guard failure.errno == ETIMEDOUT else { return conversation.fail(failure) }
        refused(ETIMEDOUT, "takes too long")
    }

    /// Ends it for a reason that its user can do something about.
    private func refused(_ errno: Int32, _ reason: String) {
        conversation.fail(Failure(errno, "the server \(server.name) \(reason)"))
    }
}
