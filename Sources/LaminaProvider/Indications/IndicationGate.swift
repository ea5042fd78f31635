public import CLamina
import CLinux
import Glibc

/// Which indications the level above wants from one socket, and who waits until the ones that it wants no more have
/// returned. Stands in raw memory; all but the constants is guarded by the group's lock.
public struct IndicationGate {
    let group: UnsafeMutablePointer<LaneGroup>
    let slot: UnsafeMutablePointer<lamina_slot>
    /// What this socket can indicate.
    let known: UInt32
    var enabled: UInt32
    /// Indications that are running, of any kind.
    var running: UInt32 = 0
    fileprivate var drains: [UnsafeMutablePointer<lamina_request>] = []

    /// A gate that lets `enabled` through. `known`: bits `1 << LAMINA_INDICATION_…` of what the socket can indicate.
    public init(
        _ group: UnsafeMutablePointer<LaneGroup>,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        known: UInt32,
        enabled: UInt32
    ) {
        self.group = group
        self.slot = slot
        self.known = known
        self.enabled = enabled
    }

    /// The bit of an indication.
    public static func bit(_ indication: Int) -> UInt32 { 1 << UInt32(indication) }
}

extension UnsafeMutablePointer<IndicationGate> {
    /// The entry `enable_indications`, for the gate's part of it. `changed` runs under the lock once the bits are set.
    public func change(
        set: UInt32,
        clear: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>,
        changed: () -> Int32
    ) -> lamina_status {
        let slot = pointee.slot
        guard set & clear == 0 else { return lamina_complete(slot, request, -EINVAL, 0) }
        guard (set | clear) & ~pointee.known == 0 else { return lamina_complete(slot, request, -EOPNOTSUPP, 0) }
        let group = pointee.group
        group.lock()
        guard !group.isClosing else {
            group.unlock()
            return lamina_complete(slot, request, -ECANCELED, 0)
        }
        let before = pointee.enabled
        publish((before | set) & ~clear)
        var status = changed()
        if status < 0 { publish(before) }
        let mustWait = status == 0 && clear & before != 0 && pointee.running > 0
        if mustWait { status = hold(request) }
        group.unlock()
        return mustWait && status == 0 ? LAMINA_PENDING : lamina_complete(slot, request, status, 0)
    }

    private func publish(_ enabled: UInt32) {
        pointee.enabled = enabled
        clinux_store_u32(pointee.slot.field(\.enabled), enabled)
    }

    private func hold(_ request: UnsafeMutablePointer<lamina_request>) -> Int32 {
        let slot = pointee.slot
        request.pointee.owner.0 = UnsafeMutableRawPointer(self)
        let status = slot.pointee.column.pointee.upcalls.pointee.hold(slot, request) { slot, request in
            guard let gate = request.pointee.owner.0?.assumingMemoryBound(to: IndicationGate.self) else { return }
            gate.pointee.group.lock()
            gate.field(\.drains).pointee.removeAll { $0 == request }
            gate.pointee.group.unlock()
            _ = lamina_complete(slot, request, lamina_cancel_status(request), 0)
        }
        if status == 0 { field(\.drains).pointee.append(request) }
        return status
    }

    /// Whether one of these indications is wanted. Under the lock.
    public func wants(_ bits: UInt32) -> Bool { pointee.enabled & bits != 0 }

    /// Begins an indication: the socket lives until `end`. False, and nothing has begun: nobody wants it any more. `also`
    /// runs under the lock where it begins.
    public func begin(_ bits: UInt32, also: () -> Void = {}) -> Bool {
        let group = pointee.group
        group.lock()
        defer { group.unlock() }
        guard pointee.enabled & bits != 0, group.pinLocked() else { return false }
        field(\.running).pointee += 1
        also()
        return true
    }

    /// Begins something that clearing waits for, of a socket that the caller has pinned. Under the lock.
    func beginLocked() { field(\.running).pointee += 1 }

    /// Ends an indication, and completes what waits for the last one. Afterwards the socket may be gone. `also` runs
    /// under the lock before that.
    public func end(also: () -> Void = {}) {
        let group = pointee.group
        group.lock()
        also()
        field(\.running).pointee -= 1
        guard pointee.running == 0, !field(\.drains).pointee.isEmpty else { return group.releaseLocked() }
        let slot = pointee.slot
        var drains: [UnsafeMutablePointer<lamina_request>] = []
        swap(&drains, &field(\.drains).pointee)
        // A cancel that came first completes the request itself.
        drains.removeAll { lamina_request_claim($0) == 0 }
        group.unlock()
        for request in drains { _ = lamina_complete(slot, request, 0, 0) }
        group.release()
    }
}
