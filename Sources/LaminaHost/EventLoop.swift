import CLamina
import CLinux
import Glibc
import Lamina
import Synchronization

/// The loop of a supervisor or a worker: descriptors, timers and what was put off, all on one thread.
final class EventLoop: @unchecked Sendable {
    // Everything belongs to the thread that made the loop, but `entering` and the wake-up descriptor.
    /// Called with the events that came.
    typealias Handler = (UInt32) -> Void

    static let readable = UInt32(clinux_epoll_in)
    static let writable = UInt32(clinux_epoll_out)
    static let failed = UInt32(clinux_epoll_error)
    static let hungUp = UInt32(clinux_epoll_hung_up)
    static let peerFinished = UInt32(clinux_epoll_peer_finished)
    static let urgent = UInt32(clinux_epoll_urgent)
    static let edgeTriggered: UInt32 = 1 << 31

    private struct Watch {
        let serial: UInt32
        let handler: Handler
    }

    private struct Entry: @unchecked Sendable {
        // Made on one thread, run on the loop's, and never on both.
        let action: () -> Void
    }

    private struct Timer {
        let when: Int64
        let identity: UInt64
        let action: () -> Void
    }

    private let epoll: Int32
    private let wakeUp: Int32
    private let thread = pthread_self()
    private let entering = Mutex<[Entry]>([])
    // By descriptor.
    private var watches: [Watch?] = []
    private var timers: [Timer] = []
    private var deferred: [() -> Void] = []
    private var serial: UInt32 = 0
    private var timerIdentity: UInt64 = 0
    private var stopped = false
    /// The listeners that wait for descriptors.
    private var resting: Set<Int32> = []
    private var hasComplained = false

    init() throws(Errno) {
        epoll = clinux_epoll_create()
        wakeUp = clinux_eventfd()
        if epoll < 0 || wakeUp < 0 { throw Errno.last }
        try watch(wakeUp, EventLoop.readable) { [unowned self] _ in admit() }
    }

    deinit {
        close(epoll)
        close(wakeUp)
    }

    /// Runs `action` on the loop's thread, soon. Callable on any thread.
    func enter(_ action: @escaping () -> Void) {
        if pthread_equal(pthread_self(), thread) != 0 { return soon(action) }
        let entry = Entry(action: action)
        entering.withLock { $0.append(entry) }
        clinux_eventfd_signal(wakeUp)
    }

    private func admit() {
        clinux_eventfd_drain(wakeUp)
        let entries = entering.withLock { waiting in
            let entries = waiting
            waiting = []
            return entries
        }
        for entry in entries { entry.action() }
    }

    /// Watches a descriptor until `forget`; a later call with the same one replaces the first.
    func watch(_ descriptor: Int32, _ events: UInt32, _ handler: @escaping Handler) throws(Errno) {
        serial &+= 1
        let index = Int(descriptor)
        if index >= watches.count { watches += [Watch?](repeating: nil, count: index + 1 - watches.count) }
        watches[index] = Watch(serial: serial, handler: handler)
        let word = UInt64(serial) << 32 | UInt64(UInt32(bitPattern: descriptor))
        var status = clinux_epoll_add(epoll, descriptor, events, word)
        if status == -EEXIST { status = clinux_epoll_change(epoll, descriptor, events, word) }
        if status < 0 {
            watches[index] = nil
            throw Errno(-status)
        }
    }

    /// Stops watching. No handler of this descriptor runs any more, also not for events that have come already.
    func forget(_ descriptor: Int32) {
        resting.remove(descriptor)
        guard watches.indices.contains(Int(descriptor)), watches[Int(descriptor)] != nil else { return }
        watches[Int(descriptor)] = nil
        clinux_epoll_remove(epoll, descriptor)
    }

    /// How long connections wait where there is no descriptor for them, in milliseconds.
    private static let rest: Int64 = 100

    /// Accepts what comes to a listener, until `forget`. While the process has no descriptor for them connections wait, and
    /// a warning says so, once until there is one again.
    func accept(from listener: Int32, _ admit: @escaping (Int32, sockaddr_storage) -> Void) throws(Errno) {
        try watch(listener, EventLoop.readable) { [unowned self] _ in
            let error = acceptWaiting(at: listener, admit)
            guard error != 0 else { return hasComplained = false }
            if !hasComplained {
                Output.log(.warning, "", "no more connections can be taken for the moment (\(Errno(error).text))")
            }
            hasComplained = true
            forget(listener)
            resting.insert(listener)
            after(milliseconds: EventLoop.rest) { [unowned self] in
                if resting.remove(listener) != nil { try? accept(from: listener, admit) }
            }
        }
    }

    /// Accepts what waits at a listener. 0, or the errno of a process or system that has no room for more.
    @discardableResult
    func acceptWaiting(at listener: Int32, _ admit: (Int32, sockaddr_storage) -> Void) -> Int32 {
        while true {
            var peer = sockaddr_storage()
            let descriptor = clinux_accept(listener, &peer)
            if [-EINTR, -ECONNABORTED].contains(descriptor) { continue }
            if [-EMFILE, -ENFILE, -ENOBUFS, -ENOMEM].contains(descriptor) { return -descriptor }
            if descriptor < 0 { return 0 }
            admit(descriptor, peer)
        }
    }

    /// Runs `action` once, after `milliseconds`.
    @discardableResult
    func after(milliseconds: Int64, _ action: @escaping () -> Void) -> UInt64 {
        timerIdentity += 1
        let timer = Timer(when: clinux_monotonic() + milliseconds * 1_000_000, identity: timerIdentity, action: action)
        let place = timers.firstIndex { $0.when > timer.when } ?? timers.endIndex
        timers.insert(timer, at: place)
        return timerIdentity
    }

    /// Drops a timer that has not run.
    func cancel(timer: UInt64) {
        timers.removeAll { $0.identity == timer }
    }

    /// Runs `action` after the events at hand.
    func soon(_ action: @escaping () -> Void) {
        deferred.append(action)
    }

    /// Ends `run` after the events at hand.
    func stop() {
        stopped = true
    }

    /// Serves until `stop`; urgent bytes come before what else has happened.
    func run() {
        var events = [clinux_epoll_event](repeating: clinux_epoll_event(), count: 64)
        while !stopped {
            let count = clinux_epoll_wait(epoll, &events, Int32(events.count), timeout())
            let arrived = events.prefix(Int(max(count, 0)))
            for event in arrived where event.events & EventLoop.urgent != 0 { handle(event) }
            for event in arrived where event.events & EventLoop.urgent == 0 { handle(event) }
            runTimers()
            let actions = deferred
            deferred.removeAll(keepingCapacity: true)
            for action in actions { action() }
        }
    }

    private func handle(_ event: clinux_epoll_event) {
        let descriptor = Int(Int32(truncatingIfNeeded: event.identity))
        guard let watch = watches[descriptor], watch.serial == UInt32(event.identity >> 32) else { return }
        watch.handler(event.events)
    }

    private func timeout() -> Int32 {
        if !deferred.isEmpty { return 0 }
        guard let next = timers.first?.when else { return -1 }
        return Int32(clamping: max(0, (next - clinux_monotonic() + 999_999) / 1_000_000))
    }

    private func runTimers() {
        let time = clinux_monotonic()
        while let next = timers.first, next.when <= time {
            timers.removeFirst()
            next.action()
        }
    }
}

/// The number of a failed system call.
struct Errno: Error, Equatable {
    let code: Int32

    init(_ code: Int32) {
        self.code = code
    }

    /// What the last libc call of this thread failed with.
    static var last: Errno { Errno(errno) }

    /// The system's words for it.
    var text: String { String(cString: strerror(code)) }
}
