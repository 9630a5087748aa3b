import CallModel
import Router

/// Somebody who follows a conference. Told on the loop; it asks for what has happened when it has time for it, so that who is slow keeps
/// nothing waiting here.
public protocol ConferenceWatcher: AnyObject {
  /// Something has happened since it asked last.
  func conferenceChanged()
  /// The conference is over. What it did not have yet is the last it gets.
  func conferenceEnded(_ last: [ConferenceNews])
}

/// Those who follow conferences, and how far each has come.
struct ConferenceWatchers {
  struct Place {
    let watcher: any ConferenceWatcher
    let conference: String
    /// nil: it knows nothing yet.
    var position: UInt64?
  }

  var places: [ObjectIdentifier: Place] = [:]

  /// At once, of all conferences.
  static let maximum = 64
}

extension ConferenceHost {
  /// Begins to follow a conference, which is named by its id or its name.
  ///
  /// - Parameter sequence: the number of the last event that is known; nil: nothing is.
  /// - Returns: the id of the conference.
  public func follow(
    _ conference: String, after sequence: UInt64?, by watcher: any ConferenceWatcher
  ) -> Result<String, ConferenceRefusal> {
    guard let name = directory.name(of: conference), let found = directory.conferences[name] else {
      return .failure(.isOver)
    }
    guard watchers.places.count < ConferenceWatchers.maximum else { return .failure(.isFull) }
    watchers.places[ObjectIdentifier(watcher)] = .init(
      watcher: watcher, conference: found.id, position: sequence)
    return .success(found.id)
  }

  /// What has happened since the watcher asked last; the whole state where that is not known any more. Empty: nothing.
  public func news(for watcher: any ConferenceWatcher) -> [ConferenceNews] {
    let key = ObjectIdentifier(watcher)
    guard let place = watchers.places[key], let name = directory.name(of: place.conference),
      let conference = directory.conferences[name]
    else { return [] }
    watchers.places[key]?.position = conference.events.lastSequence
    return news(of: conference, after: place.position)
  }

  public func unfollow(_ watcher: any ConferenceWatcher) {
    watchers.places[ObjectIdentifier(watcher)] = nil
  }

  /// A conference has had a turn.
  func tellWatchers(of conference: Conference) {
    guard !watchers.places.isEmpty else { return }
    for (key, place) in watchers.places where place.conference == conference.id {
      if conference.isOver {
        watchers.places[key] = nil
        place.watcher.conferenceEnded(news(of: conference, after: place.position))
      } else if place.position != conference.events.lastSequence {
        place.watcher.conferenceChanged()
      }
    }
  }

  private func news(of conference: Conference, after sequence: UInt64?) -> [ConferenceNews] {
    guard let sequence, let events = conference.events.events(after: sequence) else {
      return state(of: conference)
    }
    return events.map { event in
      ConferenceNews(
        sequence: event.sequence, time: time(event.time), kind: kind(event.kind, in: conference))
    }
  }

  private func kind(_ kind: ConferenceEvent.Kind, in conference: Conference) -> ConferenceNews.Kind {
    switch kind {
    case .participantCreated(let participant): .participantCreated(row(participant, in: conference))
    case .participantUpdated(let participant): .participantUpdated(row(participant, in: conference))
    case .participantDeleted(let id, let disconnect): .participantDeleted(id, disconnect)
    case .conferenceUpdated(let status): .conferenceUpdated(status)
    case .presentationStarted(let id): .presentationStarted(id, conference[id])
    case .presentationStopped: .presentationStopped
    case .stage(let ids): .stage(ids)
    case .message(let message): .message(message)
    case .conferenceEnded(let disconnect): .conferenceEnded(disconnect)
    }
  }

  /// The whole state (reference §10). Only after its last part one may go on from there.
  private func state(of conference: Conference) -> [ConferenceNews] {
    var kinds: [ConferenceNews.Kind] = [.stateBegins]
    kinds += conference.participants.map { .participantCreated(row($0, in: conference)) }
    kinds += [.participantsShown, .conferenceUpdated(conference.status)]
    if !conference.speakers.isEmpty { kinds.append(.stage(conference.speakers)) }
    if let presenter = conference.presenter {
      kinds.append(.presentationStarted(presenter, conference[presenter]))
    }
    if conference.isOver, case .conferenceEnded(let disconnect)? = conference.events.kept.last?.kind {
      kinds.append(.conferenceEnded(disconnect))
    }
    let now = loop.wallClock
    var news = kinds.map { ConferenceNews(sequence: nil, time: now, kind: $0) }
    news[news.count - 1].sequence = conference.events.lastSequence
    return news
  }

  private func row(_ participant: Participant, in conference: Conference) -> ConferenceReport.Row {
    ConferenceReport.Row(
      participant, in: conference.settings.kind, rooms[conference.settings.name], time: { time($0) })
  }
}
