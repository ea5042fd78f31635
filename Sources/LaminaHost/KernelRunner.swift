import CLinux
import Glibc

/// A chain without layers, straight over the kernel's sockets.
package final class KernelRunner: ChainRunner {
    package let effect: ChainEffect
    private let loop: EventLoop

    init(effect: ChainEffect, loop: EventLoop) {
        self.effect = effect
        self.loop = loop
    }

    package func isDirect(_ request: ConnectRequest) -> Bool { effect == .none }

    package func connect(
        _ request: ConnectRequest,
        completion: @escaping (ConnectOutcome) -> Void
    ) -> any Cancellable {
        if effect == .none {
            completion(.direct(request.destination) { _ in })
            return KernelDial()
        }
        let dial = KernelDial()
        dial.start(request, loop: loop, completion: completion)
        return dial
    }

    package func resolve(_ question: NameQuestion, completion: @escaping (NameAnswer) -> Void) {
        var hints = addrinfo()
        hints.ai_family = question.family
        hints.ai_flags = question.flags
        hints.ai_socktype = Int32(CLINUX_STREAM)
        var answer = NameAnswer()
        var list: UnsafeMutablePointer<addrinfo>?
        answer.status = getaddrinfo(question.name, nil, &hints, &list)
        answer.error = errno
        var next = list
        while let entry = next {
            if let address = entry.pointee.ai_addr, let found = Endpoint(address, length: entry.pointee.ai_addrlen) {
                answer.addresses.append(found)
            }
            if let name = entry.pointee.ai_canonname, answer.canonical == nil {
                answer.canonical = String(cString: name)
            }
            next = entry.pointee.ai_next
        }
        if let list { freeaddrinfo(list) }
        completion(answer)
    }

    package func close() {}
}

private final class KernelDial: Cancellable {
    private var descriptor: Int32 = -1
    private var loop: EventLoop?

    func start(_ request: ConnectRequest, loop: EventLoop, completion: @escaping (ConnectOutcome) -> Void) {
        self.loop = loop
        let target = request.destination.unmapped
        descriptor = clinux_socket(target.family, Int32(CLINUX_STREAM))
        if descriptor < 0 { return completion(.refused(-descriptor)) }
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, 4)
        let status = target.withSocketAddress { Glibc.connect(descriptor, $0, $1) }
        if status < 0 && errno != EINPROGRESS {
            let code = errno
            cancel()
            return completion(.refused(code))
        }
        do {
            try loop.watch(descriptor, EventLoop.writable) { [self] (_: UInt32) in finish(loop, completion) }
        } catch {
            cancel()
            completion(.refused(error.code))
        }
    }

    private func finish(_ loop: EventLoop, _ completion: (ConnectOutcome) -> Void) {
        var error: Int32 = 0
        var length: socklen_t = 4
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length)
        if error != 0 {
            cancel()
            return completion(.refused(error))
        }
        loop.forget(descriptor)
        let connection = KernelConnection(descriptor: descriptor, loop: loop)
        descriptor = -1
        completion(.connected(connection))
    }

    func cancel() {
        guard descriptor >= 0 else { return }
        loop?.forget(descriptor)
        Glibc.close(descriptor)
        descriptor = -1
    }
}

private final class KernelConnection: ChainConnection {
    weak var owner: (any ChainConnectionOwner)?
    private let descriptor: Int32
    private let loop: EventLoop
    private var sending: UnsafeRawBufferPointer?
    private var receiving: UnsafeMutableRawBufferPointer?
    private var watched = false

    init(descriptor: Int32, loop: EventLoop) {
        self.descriptor = descriptor
        self.loop = loop
        clinux_reset_on_close(descriptor, 1)
    }

    var localAddress: Endpoint? { Endpoint.name(of: descriptor, getsockname) }

    func send(_ bytes: UnsafeRawBufferPointer) -> Transfer {
        let count = clinux_send(descriptor, bytes.baseAddress, bytes.count)
        if count >= 0 { return .done(count) }
        if count != -Int(EAGAIN) { return .failed(Int32(-count)) }
        sending = bytes
        watch()
        return .pending
    }

    func receive(into buffer: UnsafeMutableRawBufferPointer) -> Transfer {
        let count = clinux_receive(descriptor, buffer.baseAddress, buffer.count)
        if count >= 0 { return .done(count) }
        if count != -Int(EAGAIN) { return .failed(Int32(-count)) }
        receiving = buffer
        watch()
        return .pending
    }

    func finishSending() {
        shutdown(descriptor, Int32(SHUT_WR))
    }

    func close(abort: Bool, done: @escaping () -> Void) {
        loop.forget(descriptor)
        clinux_reset_on_close(descriptor, abort ? 1 : 0)
        Glibc.close(descriptor)
        done()
    }

    private func watch() {
        let events = (receiving == nil ? 0 : EventLoop.readable) | (sending == nil ? 0 : EventLoop.writable)
        do {
            try loop.watch(descriptor, events) { [self] _ in ready() }
        } catch {
            loop.soon { [self] in owner?.received(.failed(error.code)) }
        }
    }

    private func ready() {
        loop.forget(descriptor)
        if let bytes = sending {
            sending = nil
            let result = send(bytes)
            if case .pending = result {} else { owner?.sent(result) }
        }
        if let buffer = receiving {
            receiving = nil
            let result = receive(into: buffer)
            if case .pending = result {} else { owner?.received(result) }
        }
        if sending != nil || receiving != nil { watch() }
    }
}

extension Run {
    /// A run without layers, over the kernel's sockets.
    package init(program: String, arguments: [String], effect: ChainEffect) {
        self.init(program: program, arguments: arguments, layers: []) { KernelRunner(effect: effect, loop: $0) }
    }
}
