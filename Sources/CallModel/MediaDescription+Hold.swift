extension MediaStream.Direction {
  /// What both allow.
  public func intersection(_ other: Self) -> Self {
    Self(sends: sends && other.sends, receives: receives && other.receives)
  }

  /// Whether an answerer may say this to an offer of that (RFC 3264 §6.1).
  public func isAllowed(asAnswerTo offered: Self) -> Bool {
    (!sends || offered.receives) && (!receives || offered.sends)
  }

  /// The direction that puts the other side on hold (RFC 3264 §8.4): we may still send, it shall not.
  public var held: Self { Self(sends: sends, receives: false) }
}

/// What a new description does to hold, compared with the one before.
public enum HoldChange: Hashable, Sendable {
  case none, hold, resume
}

extension MediaDescription {
  /// Whether the side that sent this asks the other to stop sending. Audio decides when there is any; else all streams do.
  public var isHold: Bool {
    let media = streams.filter { $0.isEnabled && $0.profile.isRTP }
    let audio = media.filter { $0.kind == .audio }
    let deciding = audio.isEmpty ? media : audio
    return !deciding.isEmpty && deciding.allSatisfy { !$0.direction.receives }
  }

  /// The same description putting the other side on hold.
  public func held() -> MediaDescription {
    var result = self
    for i in streams.indices where streams[i].isEnabled && streams[i].profile.isRTP {
      result.streams[i].direction = streams[i].direction.held
    }
    return result
  }

  /// Whether a new description of the same side holds or resumes.
  public func holdChange(to new: MediaDescription) -> HoldChange {
    isHold == new.isHold ? .none : new.isHold ? .hold : .resume
  }
}
