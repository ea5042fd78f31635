public import CLamina
import CLinux
import Glibc

/// Requests of one socket that wait, in no lane, for something that seldom happens: all end with it, or each by itself
/// when it is cancelled or its deadline passes. Lives until it is closed and the last of them has ended.
public struct WaitingRequests {
    // Guarded by the lock.
    fileprivate var first: UnsafeMutablePointer<WaitingRequest>?
    fileprivate var references = 1
    fileprivate var isClosed = false
    fileprivate var epoch: UInt32

    fileprivate static let lock = PluginLock {}
}

/// One of them.
private struct WaitingRequest {
    var next: UnsafeMutablePointer<WaitingRequest>?
    let list: UnsafeMutablePointer<WaitingRequests>
    let slot: UnsafeMutablePointer<lamina_slot>
    let request: UnsafeMutablePointer<lamina_request>
    /// When it ends by itself, in nanoseconds of CLOCK_MONOTONIC, and as what.
    let due: Int64
    let dueStatus: Int32
}

extension UnsafeMutablePointer<WaitingRequests> {
    /// An empty list. Nil: no memory.
    public static func make() -> Self? {
        guard let memory = malloc(MemoryLayout<WaitingRequests>.size) else { return nil }
        let list = memory.bindMemory(to: WaitingRequests.self, capacity: 1)
        ForkEpoch.start()
        list.initialize(to: WaitingRequests(epoch: ForkEpoch.current))
        return list
    }

    private func locked<Result>(_ body: () -> Result) -> Result {
        WaitingRequests.lock.locked {
            // In a child process, what waits is the parent's.
            if pointee.epoch != ForkEpoch.current {
                pointee = WaitingRequests(isClosed: pointee.isClosed, epoch: ForkEpoch.current)
            }
            return body()
        }
    }

    /// Whether nothing waits.
    public var isEmpty: Bool { locked { pointee.first == nil } }

    /// Lets a request wait, at the longest until the first `endDue` after `due`, which ends it with `status`. Answers what
    /// the entry returns.
    public func add(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        until due: Int64 = .max,
        as status: Int32 = -ETIMEDOUT
    ) -> lamina_status {
        guard let memory = malloc(MemoryLayout<WaitingRequest>.size) else {
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        let node = memory.bindMemory(to: WaitingRequest.self, capacity: 1)
        let held = locked { () -> Int32 in
            guard !pointee.isClosed else { return -ECANCELED }
            node.initialize(
                to: WaitingRequest(
                    next: pointee.first,
                    list: self,
                    slot: slot,
                    request: request,
                    due: due,
                    dueStatus: status
                )
            )
            request.pointee.owner.0 = memory
            let held = slot.pointee.column.pointee.upcalls.pointee.hold(slot, request) { _, request in
                request.pointee.owner.0?.assumingMemoryBound(to: WaitingRequest.self).cancel()
            }
            guard held == 0 else { return held }
            pointee.first = node
            pointee.references += 1
            return 0
        }
        guard held == 0 else {
            free(memory)
            return lamina_complete(slot, request, held, 0)
        }
        return LAMINA_PENDING
    }

    /// Ends what waits now, on this thread. What begins to wait meanwhile, in a completion or on another thread, waits on.
    public func end(_ status: Int32) { end { _ in status } }

    /// Ends what has waited long enough, likewise.
    public func endDue() {
        let now = clinux_monotonic()
        end { $0.due <= now ? $0.dueStatus : nil }
    }

    /// Ends what `status` has a status for.
    private func end(_ status: (WaitingRequest) -> Int32?) {
        var ended = locked { () -> UnsafeMutablePointer<WaitingRequest>? in
            var ours: UnsafeMutablePointer<WaitingRequest>?
            var place = field(\.first)
            while let node = place.pointee {
                guard status(node.pointee) != nil else {
                    place = node.field(\.next)
                    continue
                }
                place.pointee = node.pointee.next
                // A cancel that came first ends the request itself.
                guard lamina_request_claim(node.pointee.request) != 0 else { continue }
                node.pointee.next = ours
                ours = node
            }
            return ours
        }
        while let node = ended {
            ended = node.pointee.next
            node.finish(status(node.pointee) ?? -ECANCELED)
        }
    }

    /// Ends what waits with -ECANCELED, and lets nothing more wait. The list is no longer the caller's.
    public func close() {
        locked { pointee.isClosed = true }
        end(-ECANCELED)
        drop()
    }

    fileprivate func unlink(_ node: UnsafeMutablePointer<WaitingRequest>) {
        locked {
            var place = field(\.first)
            while let current = place.pointee {
                if current == node {
                    place.pointee = node.pointee.next
                    return
                }
                place = current.field(\.next)
            }
        }
    }

    fileprivate func drop() {
        let isLast = locked {
            pointee.references -= 1
            return pointee.references == 0
        }
        if isLast { free(UnsafeMutableRawPointer(self)) }
    }
}

extension UnsafeMutablePointer<WaitingRequest> {
    fileprivate func cancel() {
        pointee.list.unlink(self)
        finish(lamina_cancel_status(pointee.request))
    }

    /// Ends a request that nobody else has.
    fileprivate func finish(_ status: Int32) {
        let (list, slot, request) = (pointee.list, pointee.slot, pointee.request)
        free(UnsafeMutableRawPointer(self))
        _ = lamina_complete(slot, request, status, 0)
        list.drop()
    }
}
