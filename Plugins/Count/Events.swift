import CLamina
import LaminaProvider

/// Counts one event, with the bytes that were taken.
@inline(__always)
private func counted(_ slot: Slot, _ indication: Int, _ status: lamina_status, bytes: UInt64 = 0) -> lamina_status {
    if let memory = slot.pointee.context {
        Counters(memory: memory)[LAMINA_ENTRY_COUNT + indication].add(status, bytes: bytes)
    }
    return status
}

/// The indications.
enum Events {
    nonisolated(unsafe) static let indications = Immortal.copy(
        lamina_indications { table in
            table.accept = { slot, event in
                counted(slot, LAMINA_INDICATION_ACCEPT, lamina_indicate_accept(slot, event))
            }
            table.inspect = { slot, event in
                counted(slot, LAMINA_INDICATION_INSPECT, lamina_indicate_inspect(slot, event))
            }
            table.abort = { slot, event in
                counted(slot, LAMINA_INDICATION_ABORT, lamina_indicate_abort(slot, event))
            }
            table.receive = { slot, event in
                let status = lamina_indicate_receive(slot, event)
                let taken = status < 0 ? 0 : status == 0 ? event.pointee.bytes_accepted : event.pointee.bytes_indicated
                return counted(slot, LAMINA_INDICATION_RECEIVE, status, bytes: taken)
            }
            table.receive_from = { slot, event in
                // The nodes may be gone once the event has been passed on.
                var bytes: UInt64 = 0
                var next = event.pointee.datagrams
                while let node = next {
                    bytes += UInt64(node.pointee.buffer.length)
                    next = node.pointee.next
                }
                let status = lamina_indicate_receive_from(slot, event)
                return counted(slot, LAMINA_INDICATION_RECEIVE_FROM, status, bytes: status < 0 ? 0 : bytes)
            }
            table.disconnect = { slot, event in
                counted(slot, LAMINA_INDICATION_DISCONNECT, lamina_indicate_disconnect(slot, event))
            }
            table.send_backlog = { slot, event in
                counted(slot, LAMINA_INDICATION_SEND_BACKLOG, lamina_indicate_send_backlog(slot, event))
            }
        }
    )
}
