import CLinux
import Glibc
import Lamina

/// One accepted connection of `lamina forward`, from its first byte to its end.
final class ForwardedConnection {
    /// How long a SOCKS client may take to say what it wants, in milliseconds.
    private static let patience: Int64 = 30_000
    /// How long the last words to a client may take to be read, in milliseconds.
    private static let farewell: Int64 = 1000

    private enum State {
        case listening(SocksReader)
        case dialing(ChainDial?)
        case pumped(Pump)
        /// It has been told why not.
        case refused
        case ended
    }

    private let near: Int32
    private unowned let owner: Forwarder
    private var loop: EventLoop { owner.loop }
    private var state = State.dialing(nil)
    private var timer: UInt64?
    private let isSocks: Bool
    private let isLocal: Bool

    /// Takes over an accepted socket.
    init(_ near: Int32, _ owner: Forwarder) {
        self.near = near
        self.owner = owner
        isLocal = Endpoint.name(of: near, getsockname) == nil
        if case .socks = owner.service { isSocks = true } else { isSocks = false }
    }

    /// Begins.
    func start() {
        // A worker that dies resets.
        clinux_reset_on_close(near, 1)
        if !isLocal {
            var on: Int32 = 1
            let size = socklen_t(MemoryLayout<Int32>.size)
            setsockopt(near, Int32(IPPROTO_TCP), TCP_NODELAY, &on, size)
            setsockopt(near, SOL_SOCKET, SO_OOBINLINE, &on, size)
        }
        switch owner.service {
        case .target(let address): dial(address)
        case .socks:
            state = .listening(SocksReader())
            timer = loop.after(milliseconds: Self.patience) { [weak self] in self?.abort() }
            watch(EventLoop.readable) { $0.listen() }
        }
    }

    /// Ends it on both sides with a reset.
    func abort() {
        switch state {
        case .pumped(let pump): return pump.abort(error: ECONNRESET)
        case .dialing(let dial): dial?.cancel()
        case .listening, .refused, .ended: break
        }
        end()
    }

    private func watch(_ events: UInt32, _ handler: @escaping (ForwardedConnection) -> Void) {
        do throws(Errno) {
            try loop.watch(near, events) { [weak self] _ in
                if let self { handler(self) }
            }
        } catch {
            abort()
        }
    }

    /// Closes the client's socket, as it was set to.
    private func end() {
        if case .ended = state { return }
        state = .ended
        if let timer { loop.cancel(timer: timer) }
        loop.forget(near)
        close(near)
        owner.ended(self)
    }

    // MARK: - SOCKS

    private func listen() {
        while case .listening(var reader) = state {
            var bytes = [UInt8](repeating: 0, count: reader.wanted)
            let count = clinux_receive(near, &bytes, bytes.count)
            if count == -Int(EAGAIN) { return }
            if count == -Int(EINTR) { continue }
            if count <= 0 { return abort() }
            let step = reader.take(bytes[..<count])
            state = .listening(reader)
            switch step {
            case .more: break
            case .say(let words): if !say(words) { return abort() }
            case .connect(let address):
                if let timer { loop.cancel(timer: timer) }
                timer = nil
                loop.forget(near)
                dial(address)
            case .refuse(let words, let reason):
                owner.complain("a client was refused: \(reason)")
                refuse(words)
            }
        }
    }

    /// Sends a few bytes; there is room for them before anything else was sent.
    private func say(_ words: [UInt8]) -> Bool {
        clinux_send(near, words, words.count) == words.count
    }

    /// Says why not, and ends when the client has read it: closing with bytes unread would take it back.
    private func refuse(_ words: [UInt8]) {
        guard words.isEmpty || say(words) else { return abort() }
        state = .refused
        clinux_reset_on_close(near, 0)
        shutdown(near, Int32(SHUT_WR))
        if let timer { loop.cancel(timer: timer) }
        timer = loop.after(milliseconds: Self.farewell) { [weak self] in self?.end() }
        watch(EventLoop.readable) { $0.discard() }
    }

    private func discard() {
        var bytes = [UInt8](repeating: 0, count: 4096)
        while case let count = clinux_receive(near, &bytes, bytes.count), count != -Int(EAGAIN) {
            if count <= 0 { return end() }
        }
    }

    // MARK: - The chain

    private func dial(_ address: Address) {
        state = .dialing(nil)
        // Of a Unix socket a hang-up says nothing about what was sent before it.
        if !isLocal { watch(0) { $0.abort() } }
        if case .ended = state { return }
        let request = ConnectRequest(to: address, origin: origin(address.name))
        let dial = owner.runner.connect(request, way: .pumped) { [self] outcome in settle(outcome, address) }
        if case .dialing = state { state = .dialing(dial) }
    }

    private func settle(_ outcome: ConnectOutcome, _ address: Address) {
        guard case .dialing = state else {
            if case .connected(let far) = outcome { far.close(abort: true) {} }
            return
        }
        Output.log(.debug, "", "\(address): \(outcome)")
        switch outcome {
        case .connected(let far): pump(far)
        case .refused(let code, let level):
            owner.complain("\(address): refused\(level.map { " by \($0)" } ?? "") (\(Errno(code).text))")
            loop.forget(near)
            if isSocks { refuse(SocksReader.reply(SocksReader.Code(code))) } else { end() }
        case .direct, .lent, .ready: abort()
        }
    }

    private func pump(_ far: ChainConnection) {
        owner.connected()
        loop.forget(near)
        if isSocks, !say(SocksReader.reply(.succeeded, from: far.localAddress.map { Address($0.lamina) })) {
            far.close(abort: true) {}
            return end()
        }
        let pump = Pump(loop: loop, near: near, far: far) { [self] _ in
            // The pump has closed the socket.
            state = .ended
            owner.ended(self)
        }
        state = .pumped(pump)
        pump.start()
    }

    /// Who connects: a Unix socket says which process, of another nobody knows more than that it came through here.
    private func origin(_ name: String?) -> OriginStorage {
        var process = getpid()
        var user = getuid()
        var group = getgid()
        if isLocal { _ = clinux_peer(near, &process, &user, &group) }
        return OriginStorage(
            process: process,
            startTime: OriginStorage.startTime(of: process),
            user: user,
            group: group,
            executable: OriginStorage.executablePath(of: process),
            name: name
        )
    }
}
