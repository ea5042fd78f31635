import CLinux
import Glibc

/// A worker's loop: descriptors, timers and what was put off, all on one thread.
final class EventLoop {
    /// Called with the `CLINUX_…` events that came.
    typealias Handler = (UInt32) -> Void

    static let readable = UInt32(CLINUX_READABLE)
    static let writable = UInt32(CLINUX_WRITABLE)
    static let failed = UInt32(CLINUX_ERROR)
    static let peerFinished = UInt32(CLINUX_PEER_FINISHED)
    static let edgeTriggered = UInt32(truncatingIfNeeded: CLINUX_EDGE_TRIGGERED)

    private struct Watch {
        let serial: UInt32
        let handler: Handler
    }

    private struct Timer {
        let when: Int64
        let identity: UInt64
        let action: () -> Void
    }

    private let epoll: Int32
    private var watches: [Int32: Watch] = [:]
    private var timers: [Timer] = []
    private var deferred: [() -> Void] = []
    private var serial: UInt32 = 0
    private var timerIdentity: UInt64 = 0
    private var stopped = false

    init() throws(Errno) {
        epoll = clinux_epoll_open()
        if epoll < 0 { throw Errno(-epoll) }
    }

    deinit {
        close(epoll)
    }

    /// Watches a descriptor until `forget`; a later call with the same one replaces the first.
    func watch(_ descriptor: Int32, _ events: UInt32, _ handler: @escaping Handler) throws(Errno) {
        serial &+= 1
        watches[descriptor] = Watch(serial: serial, handler: handler)
        let word = UInt64(serial) << 32 | UInt64(UInt32(bitPattern: descriptor))
        let status = clinux_epoll_watch(epoll, descriptor, events, word)
        if status < 0 {
            watches[descriptor] = nil
            throw Errno(-status)
        }
    }

    /// Stops watching. No handler of this descriptor runs any more, also not for events that have come already.
    func forget(_ descriptor: Int32) {
        if watches.removeValue(forKey: descriptor) != nil { clinux_epoll_forget(epoll, descriptor) }
    }

    /// Runs `action` once, after `milliseconds`.
    @discardableResult
    func after(milliseconds: Int64, _ action: @escaping () -> Void) -> UInt64 {
        timerIdentity += 1
        let timer = Timer(when: now() + milliseconds * 1_000_000, identity: timerIdentity, action: action)
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

    /// Serves until `stop`.
    func run() {
        var events = [clinux_event](repeating: clinux_event(), count: 64)
        while !stopped {
            let count = clinux_epoll_await(epoll, &events, Int32(events.count), timeout())
            for event in events.prefix(Int(max(count, 0))) {
                let descriptor = Int32(truncatingIfNeeded: event.word)
                guard let watch = watches[descriptor], watch.serial == UInt32(event.word >> 32) else { continue }
                watch.handler(event.events)
            }
            runTimers()
            let actions = deferred
            deferred.removeAll(keepingCapacity: true)
            for action in actions { action() }
        }
    }

    private func timeout() -> Int32 {
        if !deferred.isEmpty { return 0 }
        guard let next = timers.first else { return -1 }
        return Int32(clamping: max(0, (next.when - now() + 999_999) / 1_000_000))
    }

    private func runTimers() {
        let time = now()
        while let next = timers.first, next.when <= time {
            timers.removeFirst()
            next.action()
        }
    }

    private func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
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
